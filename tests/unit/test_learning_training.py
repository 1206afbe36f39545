"""Training: the two players, frozen sketches, resuming after a kill, and leakage."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_learning_cohort import cohort, load_fold, make_arrays, rewrite, tiny_settings, write_cohort  # noqa: F401

from myelosketch.errors import InputError
from myelosketch.io.tables import read_table
from myelosketch.learning import progress
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.models import load_model
from myelosketch.learning.training import train_stage

UNIT = Path(__file__).parent


def train(method, data, folder, *, settings=None, sketcher=None, **options):
    return train_stage(
        method,
        load_fold(*data),
        folder,
        settings=settings or tiny_settings(),
        seed=5,
        device="cpu",
        sketcher=sketcher,
        **options,
    )


def weights(folder):
    return (Path(folder) / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cohort with a trained sketcher."""
    folder = tmp_path_factory.mktemp("fold")
    data = write_cohort(folder / "data")
    train("sketcher", data, folder / "sketcher")
    return data, folder / "sketcher"


def test_the_same_seed_twice_gives_the_same_weights(shared, tmp_path):
    data, sketcher = shared
    train("sketcher", data, tmp_path / "again")
    assert weights(tmp_path / "again") == weights(sketcher)


def test_a_training_stopped_after_an_epoch_resumes_to_the_same_weights(shared, tmp_path, monkeypatch):
    data, sketcher = shared
    with monkeypatch.context() as patch:
        real = progress.Checkpoints.on_train_epoch_end

        def stop_after_the_first(self, trainer, module):
            real(self, trainer, module)
            raise KeyboardInterrupt

        patch.setattr(progress.Checkpoints, "on_train_epoch_end", stop_after_the_first)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train("sketcher", data, tmp_path / "killed")
    assert not (tmp_path / "killed/model.json").exists()
    assert len(list((tmp_path / "killed/checkpoints").glob("*.ckpt"))) == 1
    train("sketcher", data, tmp_path / "killed")
    assert weights(tmp_path / "killed") == weights(sketcher)
    assert not (tmp_path / "killed/checkpoints").exists()
    history = read_table(tmp_path / "killed/history.tsv", numeric=True)
    whole = read_table(sketcher / "history.tsv", numeric=True)
    clock = ["seconds", "peak_memory_mb"]
    assert history.drop(columns=clock).equals(whole.drop(columns=clock))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_resumes_to_the_same_weights(shared, tmp_path, number):
    data, sketcher = shared
    code = f"""
import os, sys
sys.path[:0] = [{str(UNIT)!r}, {str(UNIT.parents[1] / "workflow_scripts")!r}]
from myelosketch.learning import progress
from test_learning_training import train
real = progress.Checkpoints.on_train_epoch_end
def die(self, trainer, module):
    real(self, trainer, module)
    os.kill(os.getpid(), {int(number)})
progress.Checkpoints.on_train_epoch_end = die
train("sketcher", {data!r}, {str(tmp_path / "killed")!r})
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=120)
    assert ended.returncode != 0
    assert not (tmp_path / "killed/model.json").exists()
    train("sketcher", data, tmp_path / "killed")
    assert weights(tmp_path / "killed") == weights(sketcher)


def test_a_checkpoint_of_other_settings_is_not_used(shared, tmp_path, capsys):
    data, sketcher = shared
    stale = tmp_path / "new/checkpoints/0123456789abcdef.ckpt"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of another training")
    train("sketcher", data, tmp_path / "new")
    assert "the checkpoint belongs to other settings or data, so it is not used" in capsys.readouterr().out
    assert weights(tmp_path / "new") == weights(sketcher)


@pytest.mark.parametrize("method", ["dnn2", "unet", "unetroi"])
def test_the_comparisons_are_trained_by_the_same_call(shared, tmp_path, method):
    card = train(method, shared[0], tmp_path)
    assert card["method"] == method
    assert "discriminator" not in read_table(tmp_path / "history.tsv")


def test_the_refiner_leaves_the_sketcher_as_it_was(shared, tmp_path):
    data, sketcher = shared
    before = weights(sketcher)
    card = train("refiner", data, tmp_path, sketcher=sketcher)
    assert weights(sketcher) == before
    assert card["sketcher_sha256"] == load_model(sketcher)[1]["weights_sha256"]


def test_sketches_are_made_with_dropout_off(shared):
    (names, files), sketcher = shared
    model = NetworkModel.load(sketcher, method="sketcher")
    scan = load_fold(names, files)[0]
    assert not model.generator.training
    assert (model.predict(scan.maps, scan.support) == model.predict(scan.maps, scan.support)).all()
    assert not any(parameter.requires_grad for parameter in model.generator.parameters())


def test_a_refiner_needs_the_sketcher_of_its_own_fold(shared, tmp_path):
    (names, files), sketcher = shared
    with pytest.raises(InputError, match="refiner needs a trained sketcher: give its model folder"):
        train("refiner", (names, files), tmp_path)
    fewer = (names[:3], {key: paths[:3] for key, paths in files.items()})
    with pytest.raises(InputError, match=r"was trained on other scans than this refiner \(sub-04"):
        train("refiner", fewer, tmp_path, sketcher=sketcher)


def test_a_moving_average_is_kept_where_one_is_asked_for(shared, tmp_path):
    train("unet", shared[0], tmp_path / "ema", settings=tiny_settings(ema=0.5))
    train("unet", shared[0], tmp_path / "plain")
    assert weights(tmp_path / "ema") != weights(tmp_path / "plain")
    assert load_model(tmp_path / "ema")[0].keys() == load_model(tmp_path / "plain")[0].keys()


def test_history_has_every_term_of_every_epoch(shared):
    history = read_table(shared[1] / "history.tsv", numeric=True)
    assert history["epoch"].tolist() == [1, 2]
    assert {"generator", "l1", "adversarial", "discriminator", "accuracy_real", "accuracy_fake"} <= {
        *history.columns
    }
    assert {"learning_rate", "discriminator_learning_rate", "seconds", "peak_memory_mb"} <= {*history.columns}
    assert (history[["generator_gradient", "discriminator_gradient"]] > 0).all().all()
    assert history["collapsed"].tolist() == [0, 0]
    assert history["peak_memory_mb"].between(50, 50_000).all()
    assert np.isfinite(history).all().all()


def test_whole_volumes_train_as_crops_do(shared, tmp_path):
    card = train("sketcher", shared[0], tmp_path, settings=tiny_settings(crop=None, batch=1))
    assert card["settings"]["crop"] is None
    assert np.isfinite(read_table(tmp_path / "history.tsv", numeric=True)).all().all()


def test_nothing_of_a_held_out_scan_changes_a_model(shared, tmp_path):
    """The PET of a test participant is shuffled: weights, normalisation and split stay the same."""
    _, sketcher = shared
    names, files = write_cohort(tmp_path / "data", count=5)
    held_out = len(names) - 1
    rewrite(
        files["dvr"][held_out],
        lambda data: np.random.default_rng(1).permutation(data.ravel()).reshape(data.shape),
    )
    train("sketcher", (names[:4], {key: paths[:4] for key, paths in files.items()}), tmp_path / "model")
    assert weights(tmp_path / "model") == weights(sketcher)
    card, other = load_model(tmp_path / "model")[1], load_model(sketcher)[1]
    assert card["normalisation"] == other["normalisation"]
    assert names[held_out] not in card["split"]["train"]


def test_a_training_scan_does_change_it(shared, tmp_path):
    """The test above could fail: the same change to a training participant gives other weights."""
    _, sketcher = shared
    names, files = write_cohort(tmp_path / "data")
    rewrite(
        files["dvr"][0], lambda data: np.random.default_rng(1).permutation(data.ravel()).reshape(data.shape)
    )
    train("sketcher", (names, files), tmp_path / "model")
    assert weights(tmp_path / "model") != weights(sketcher)


def test_the_card_says_what_the_model_is(shared):
    card = load_model(shared[1])[1]
    assert card["purpose"] == "Research only: not for clinical use."
    assert card["input_maps"] == ["MTR", "FA", "RD", "AD"]
    assert card["settings"]["generator"]["widths"] == [4, 8]
    assert card["split"]["train"] == ["sub-01", "sub-02", "sub-03", "sub-04"]
    assert card["split"]["validation"] == []
    found = {key: card[key] for key in ("seed", "epochs", "best", "warnings")}
    assert found == {"seed": 5, "epochs": 2, "best": None, "warnings": []}
    assert card["device"] == "cpu"
    assert card["precision"] == "32"
    assert {
        "data_sha256",
        "config_sha256",
        "weights_sha256",
        "software",
        "seed",
        "value_ranges",
    } <= card.keys()
