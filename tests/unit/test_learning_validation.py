"""Inner validation: held-out scans, the best epoch, early stopping, and resuming with all of them."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from test_learning_cohort import load_fold, rewrite, tiny_settings, write_cohort
from test_learning_training import UNIT, train, weights

from myelosketch.errors import InputError
from myelosketch.io.tables import read_table
from myelosketch.learning import progress
from myelosketch.learning.data import fit_normalisation
from myelosketch.learning.models import load_model
from myelosketch.learning.validation import InnerValidation, hold_out

CLOCK = ["seconds", "peak_memory_mb"]


def validated(*, epochs=4, share=0.34, every=1, patience=0, **changes):
    """Settings of a tiny training run with an inner validation."""
    settings = tiny_settings(ema=0.5, **changes)
    settings["validation"] = {"participants_share": share, "every_epochs": every, "patience": patience}
    settings["sketcher"]["epochs"] = epochs
    return settings


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Files of six participants, four of them patients."""
    return write_cohort(tmp_path_factory.mktemp("validation"), count=6, patients=4)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """An uninterrupted training run with validation."""
    folder = tmp_path_factory.mktemp("whole")
    train("sketcher", data, folder, settings=validated())
    return folder


def test_participants_not_scans_are_kept_out_by_group_and_seed(data):
    scans = load_fold(*data)
    trained, held = hold_out(scans, 0.34, 5)
    assert sorted(scan.name for scan in trained + held) == data[0]
    assert sum(bool((scan.regions == 3).any()) for scan in held) == 1  # a third of four patients
    assert len(held) == 2  # and one of two controls
    assert [scan.name for scan in hold_out(scans, 0.34, 5)[1]] == [scan.name for scan in held]
    assert len({tuple(scan.name for scan in hold_out(scans, 0.34, seed)[1]) for seed in range(20)}) > 1
    assert hold_out(scans, 0.0, 5) == (scans, [])


def test_all_scans_of_a_participant_stay_on_one_side(data):
    from dataclasses import replace

    scans = [replace(scan, name=f"{scan.name}_ses-{k}") for scan in load_fold(*data) for k in (1, 2)]
    for seed in range(5):
        trained, held = hold_out(scans, 0.4, seed)
        assert not {scan.name.split("_")[0] for scan in trained} & {scan.name.split("_")[0] for scan in held}
        assert any((scan.regions == 3).any() for scan in trained)


def test_too_few_patients_to_keep_one_out_is_a_sentence(tmp_path):
    scans = load_fold(*write_cohort(tmp_path, count=3, patients=1))
    with pytest.raises(
        InputError,
        match=r"training.validation.participants_share is 0.2, but the training part has 1 participants with "
        "lesions; expected 2 or more: set it to 0, or add patients.",
    ):
        hold_out(scans, 0.2, 1)


def test_the_card_and_history_say_what_was_validated(data, whole):
    card = load_model(whole)[1]
    assert sorted([*card["split"]["train"], *card["split"]["validation"]]) == data[0]
    assert len(card["split"]["validation"]) == 2
    trained = [scan for scan in load_fold(*data) if scan.name in card["split"]["train"]]
    assert card["normalisation"] == fit_normalisation(trained).card()  # of the training part only
    history = read_table(whole / "history.tsv", numeric=True)
    best = history["validation_lesion_mae"].idxmin()
    assert card["best"]["epoch"] == history["epoch"][best]
    assert card["best"]["criterion"] == "validation_lesion_mae"
    assert card["best"]["value"] == pytest.approx(history["validation_lesion_mae"][best], rel=1e-5)
    assert np.isfinite(history["validation_brain_mae"]).all()


def test_the_weights_kept_are_those_of_the_best_epoch(data, whole, tmp_path):
    """The weights score on the held-out scans as the history states for that epoch."""
    from myelosketch.learning.inference import NetworkModel

    model = NetworkModel.load(whole, method="sketcher")
    _, held = hold_out(load_fold(*data), 0.34, 5)
    validation = InnerValidation(
        held, [None] * 2, model.normalisation, model.card, every_epochs=1, patience=0
    )
    scores = validation.score(model.generator, "cpu")
    assert scores["validation_lesion_mae"] == pytest.approx(model.card["best"]["value"], rel=1e-6)


def test_validation_changes_nothing_but_which_epoch_is_kept(data, whole, tmp_path):
    """Seldom scored, the losses of every epoch are the same: the validation draws no random number."""
    train("sketcher", data, tmp_path, settings=validated(every=3))
    often, seldom = (read_table(path / "history.tsv", numeric=True) for path in (whole, tmp_path))
    scores = ["validation_lesion_mae", "validation_brain_mae"]
    assert often.drop(columns=[*CLOCK, *scores]).equals(seldom.drop(columns=[*CLOCK, *scores]))
    assert seldom["epoch"][seldom["validation_lesion_mae"].notna()].tolist() == [3, 4]


def test_nothing_of_the_scans_kept_out_enters_the_losses(data, whole, tmp_path):
    """The PET of a validation participant is shuffled: scores change, losses and normalisation do not."""
    held = load_model(whole)[1]["split"]["validation"]
    names, files = write_cohort(tmp_path / "data", count=6, patients=4)
    for name in held:
        rewrite(
            files["dvr"][names.index(name)],
            lambda image: np.random.default_rng(1).permutation(image.ravel()).reshape(image.shape),
        )
    train("sketcher", (names, files), tmp_path / "model", settings=validated())
    one, two = (read_table(path / "history.tsv", numeric=True) for path in (whole, tmp_path / "model"))
    assert one["generator"].equals(two["generator"])
    assert not one["validation_brain_mae"].equals(two["validation_brain_mae"])
    cards = [load_model(path)[1] for path in (whole, tmp_path / "model")]
    assert cards[0]["normalisation"] == cards[1]["normalisation"]


def test_no_scan_that_the_fold_holds_out_enters(data, tmp_path):
    """The files of an outer test participant do not exist at all: with the validation on, too, nothing asks."""
    from pathlib import Path

    names, files = write_cohort(tmp_path / "data", count=6, patients=4)
    for paths in files.values():
        Path(paths[0]).unlink()
    inside = (names[1:], {key: paths[1:] for key, paths in files.items()})
    card = train("sketcher", inside, tmp_path / "model", settings=validated(epochs=1))
    assert names[0] not in str(card["split"])


def test_training_stops_when_nothing_gets_better(data, tmp_path, monkeypatch):
    scores = iter([0.5, 0.3, 0.4, 0.4, 0.1, 0.1])
    monkeypatch.setattr(
        InnerValidation,
        "score",
        lambda *_: {"validation_lesion_mae": next(scores), "validation_brain_mae": 1.0},
    )
    card = train("sketcher", data, tmp_path, settings=validated(epochs=6, patience=2))
    assert card["epochs"] == 4
    assert card["best"] == {"epoch": 2, "criterion": "validation_lesion_mae", "value": 0.3}


def test_the_refiner_is_validated_on_the_same_participants(data, whole, tmp_path):
    card = train("refiner", data, tmp_path, settings=validated(), sketcher=whole)
    assert card["split"] == load_model(whole)[1]["split"]


class Killed(BaseException):
    """Replaces a kill: the library does not handle it."""


POINTS = (
    (progress.os, "replace"),
    (progress.os, "fsync"),
    (progress, "write_table"),
    (progress.History, "on_train_epoch_start"),
    (torch.optim.Adam, "zero_grad"),
)


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random_points_it_ends_with_the_same_weights(data, whole, tmp_path, monkeypatch, seed):
    random, kills = np.random.default_rng(seed), 0
    for _ in range(50):
        left = int(random.integers(2, 40))
        with monkeypatch.context() as patch:

            def count(function):
                def counted(*arguments, **keywords):
                    nonlocal left
                    left -= 1
                    if not left:
                        raise Killed
                    return function(*arguments, **keywords)

                return counted

            for owner, name in POINTS:
                patch.setattr(owner, name, count(getattr(owner, name)))
            try:
                train("sketcher", data, tmp_path, settings=validated())
                break
            except Killed:
                kills += 1
    assert kills
    assert weights(tmp_path) == weights(whole)
    histories = [read_table(path / "history.tsv", numeric=True) for path in (tmp_path, whole)]
    assert histories[0].drop(columns=CLOCK).equals(histories[1].drop(columns=CLOCK))


def test_a_process_killed_at_random_moments_ends_with_the_same_weights(data, whole, tmp_path):
    """Real kills, after a random time from the first checkpoint on. The end waits for the kill on a fast machine."""
    code = f"""
import os, signal, sys, threading, time
sys.path[:0] = [{str(UNIT)!r}, {str(UNIT.parents[1] / "workflow_scripts")!r}]
from myelosketch.learning import progress
from test_learning_training import train
from test_learning_validation import validated
real, seconds = progress.Checkpoints.on_train_epoch_end, float(sys.argv[1])
def armed(self, trainer, module):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    if trainer.current_epoch + 1 == trainer.max_epochs:
        time.sleep(60)
    real(self, trainer, module)
progress.Checkpoints.on_train_epoch_end = armed
train("sketcher", {data!r}, {str(tmp_path / "killed")!r}, settings=validated())
os._exit(0)
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    seconds = np.random.default_rng(2).uniform(0.0, 0.4, 2)
    for wait in map(str, seconds):
        subprocess.run([sys.executable, "-c", code, wait], env=environment, capture_output=True, timeout=300)
    assert not (tmp_path / "killed/model.json").exists()
    train("sketcher", data, tmp_path / "killed", settings=validated())
    assert weights(tmp_path / "killed") == weights(whole)
