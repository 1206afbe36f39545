"""Training: the two players, frozen sketches, resuming after a kill, leakage, and settings that cannot work."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import lightning.pytorch as lightning
import numpy as np
import pytest
import torch
from test_learning_cohort import cohort, make_arrays, rewrite, tiny_settings, write_cohort  # noqa: F401

from myelosketch.errors import InputError
from myelosketch.learning import progress
from myelosketch.learning.crops import step_loader
from myelosketch.learning.data import fit_normalisation, load_fold
from myelosketch.learning.device import choose_device, choose_precision
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.models import load_model
from myelosketch.learning.training import build, check_settings, train_stage
from myelosketch.names import INPUT_MAPS
from myelosketch.tables import read_table

UNIT = Path(__file__).parent


def train(method, data, folder, *, settings=None, start_model=None):
    return train_stage(
        method,
        *data,
        folder,
        settings=settings or tiny_settings(),
        seed=5,
        device="cpu",
        start_model=start_model,
    )


def weights(folder):
    return (Path(folder) / "model.safetensors").read_bytes()


def players(data, method="sketcher", **changes):
    """The two players of a method, ready to train."""
    scans = load_fold(*data)
    starts = [scan.dvr * 0 + 1 if method == "refiner" else None for scan in scans]
    return build(method, scans, fit_normalisation(scans), starts, tiny_settings(**changes), 5)


def fit_steps(module, steps=1):
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=steps, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, step_loader(module.batches))


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
        real = progress.LastCheckpoint.on_train_epoch_end

        def stop_after_the_first(self, trainer, module):
            real(self, trainer, module)
            raise KeyboardInterrupt

        patch.setattr(progress.LastCheckpoint, "on_train_epoch_end", stop_after_the_first)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train("sketcher", data, tmp_path / "killed")
    assert not (tmp_path / "killed/model.json").exists()
    assert len(list((tmp_path / "killed/checkpoints").glob("*.ckpt"))) == 1
    train("sketcher", data, tmp_path / "killed")
    assert weights(tmp_path / "killed") == weights(sketcher)
    assert not (tmp_path / "killed/checkpoints").exists()
    history = read_table(tmp_path / "killed/history.tsv", numeric=True)
    whole = read_table(sketcher / "history.tsv", numeric=True)
    assert history.drop(columns="seconds").equals(whole.drop(columns="seconds"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_resumes_to_the_same_weights(shared, tmp_path, number):
    data, sketcher = shared
    code = f"""
import os, sys
sys.path[:0] = [{str(UNIT)!r}, {str(UNIT.parents[1] / "workflow_scripts")!r}]
from myelosketch.learning import progress
from test_learning_training import train
real = progress.LastCheckpoint.on_train_epoch_end
def die(self, trainer, module):
    real(self, trainer, module)
    os.kill(os.getpid(), {int(number)})
progress.LastCheckpoint.on_train_epoch_end = die
train("sketcher", {data!r}, {str(tmp_path / "killed")!r})
""" environment = {**os.environ, "OMP_NUM_THREADS": "1"} ended = subprocess.run([sys.executable, "-c", code],
env=environment, capture_output=True, timeout=120) assert ended.returncode != 0 assert not (tmp_path /
"killed/model.json").exists() train("sketcher", data, tmp_path / "killed") assert weights(tmp_path / "killed")
== weights(sketcher)


def test_a_checkpoint_of_other_settings_is_not_used(shared, tmp_path, capsys):
    data, sketcher = shared
    stale = tmp_path / "new/checkpoints/0123456789abcdef.ckpt"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of another training")
    train("sketcher", data, tmp_path / "new")
    assert "a checkpoint of other settings or data is not used" in capsys.readouterr().out
    assert weights(tmp_path / "new") == weights(sketcher)


def test_bfloat16_repeats_too(shared, tmp_path):
    for name in ("first", "second"):
        train("unet", shared[0], tmp_path / name, settings=tiny_settings(precision="bf16"))
    assert weights(tmp_path / "first") == weights(tmp_path / "second")


@pytest.mark.parametrize("method", ["dnn2", "unet", "unetroi"])
def test_the_comparisons_are_trained_by_the_same_call(shared, tmp_path, method):
    card = train(method, shared[0], tmp_path)
    assert card["method"] == method
    assert "discriminator" not in read_table(tmp_path / "history.tsv")


def test_the_refiner_leaves_the_sketcher_as_it_was(shared, tmp_path):
    data, sketcher = shared
    before = weights(sketcher)
    card = train("refiner", data, tmp_path, start_model=sketcher)
    assert weights(sketcher) == before
    assert card["start"]["weights_sha256"] == load_model(sketcher)[1]["weights_sha256"]


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
        train("refiner", fewer, tmp_path, start_model=sketcher)


def test_the_discriminator_sees_maps_and_pet_and_never_the_sketch(cohort):  # noqa: F811
    module = players(cohort, "refiner")
    seen, inputs = [], []
    module.discriminator.register_forward_pre_hook(lambda _, arguments: seen.append(arguments))
    module.generator.network.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    fit_steps(module)
    assert inputs[0].shape[1] == len(INPUT_MAPS) + 1  # maps and sketch
    sketch = inputs[0][:, 4:]
    for maps, pet in seen:
        assert maps.shape[1] == len(INPUT_MAPS)
        assert pet.shape[1] == 1
        assert not any(torch.equal(image[0], other[0]) for image in pet for other in sketch)


def test_no_region_reaches_a_network(cohort):  # noqa: F811
"""Two cohorts that differ in their region maps alone give every network the same input."""
    names, files = cohort
    seen = {}
    for run in ("given", "changed"):
        if run == "changed":
            for path in files["regions"]:
                rewrite(path, lambda data: np.where(data == 2, 1, data).astype(np.uint8))
        module = players(cohort)
        found = seen.setdefault(run, [])
        module.generator.register_forward_pre_hook(
            lambda _, arguments, found=found: found.extend(arguments[:2])
        )
        fit_steps(module)
    for given, changed in zip(seen["given"], seen["changed"], strict=True):
        assert torch.equal(given, changed)


def test_each_player_learns_from_its_own_loss(cohort):  # noqa: F811
    """With lambda 0 the generator learns from the discriminator alone: the gradient reaches it, and lowers
    its loss."""
    settings = tiny_settings()["sketcher"] | {"lambda_l1": 0.0, "discriminator_learning_rate": 1e-12}
    module = players(cohort, sketcher=settings, schedule="constant")
    before = {name: value.clone() for name, value in module.generator.named_parameters()}
    fit_steps(module)
    changed = [
        name for name, value in module.generator.named_parameters() if not torch.equal(value, before[name])
    ]
    assert "network.head.weight" in changed
    assert len(changed) > 4

    values = []
    for _ in range(3):
        fit_steps(module, steps=1)
        values.append(module.epoch_means()["adversarial"])
    assert values[-1] < values[0]


def test_the_generator_step_does_not_move_the_discriminator(cohort):  # noqa: F811
    settings = tiny_settings()["sketcher"] | {"discriminator_learning_rate": 1e-30}
    module = players(cohort, sketcher=settings)
    before = [value.clone() for value in module.discriminator.parameters()]
    fit_steps(module)
    assert all(
        torch.allclose(a, b, atol=1e-9)
        for a, b in zip(before, module.discriminator.parameters(), strict=True)
    )
    assert all(value.requires_grad for value in module.discriminator.parameters())


def test_the_two_adams_have_the_rates_of_the_settings(cohort):  # noqa: F811
    settings = tiny_settings()["refiner"] | {"learning_rate": 5e-5, "discriminator_learning_rate": 1e-4}
    module = players(cohort, "refiner", refiner=settings)
    first, second = module.configure_optimizers()
    assert [type(first).__name__, type(second).__name__] == ["Adam", "Adam"]
    assert (first.param_groups[0]["lr"], second.param_groups[0]["lr"]) == (5e-5, 1e-4)
    assert {id(p) for p in first.param_groups[0]["params"]} == {id(p) for p in module.generator.parameters()}


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
    assert {"learning_rate", "discriminator_learning_rate", "seconds"} <= {*history.columns}
    assert np.isfinite(history).all().all()


def test_a_loss_that_is_not_finite_ends_the_training_with_the_reason(shared, tmp_path):
    settings = tiny_settings()
    settings["unet"] |= {"learning_rate": 1e30, "epochs": 3}
    with pytest.raises(InputError, match="training diverged in epoch .* lower the learning rate"):
        train("unet", shared[0], tmp_path, settings=settings)


def test_nothing_of_a_held_out_scan_changes_a_model(shared, tmp_path):
    """The PET of a test participant is shuffled: weights, normalisation and split of its fold stay the same."""
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


def test_settings_that_cannot_work_are_sentences():
    for method in ("sketcher", "refiner", "unet"):
        settings = tiny_settings()
        settings[method]["lambda_l1"] = -1
        with pytest.raises(InputError, match=f"training.{method}.lambda_l1 is -1; expected 0 or more"):
            check_settings(method, settings)
    settings = tiny_settings()
    settings["refiner"]["discriminator_learning_rate"] = 0
    with pytest.raises(
        InputError, match="training.refiner.discriminator_learning_rate is 0; expected a number above 0"
    ):
        check_settings("refiner", settings)
    with pytest.raises(InputError, match=r"training.crop is \[15, 16, 16\]"):
        check_settings("unet", tiny_settings(crop=[15, 16, 16]))
    with pytest.raises(InputError, match="training.batch is 2 with whole volumes"):
        check_settings("unet", tiny_settings(crop=None))
    check_settings("unet", tiny_settings())


def test_a_gpu_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(InputError, match="training.device is cuda, but PyTorch sees no GPU here"):
        choose_device("cuda")
    with pytest.raises(InputError, match="training.device is 'tpu'; expected one of auto, cpu, cuda"):
        choose_device("tpu")
    with pytest.raises(InputError, match="training.precision is '64'; expected one of auto, 32, bf16"):
        choose_precision(64, "cpu")
    assert choose_precision(32, "cpu") == "32"


def test_precision_auto_follows_the_hardware(monkeypatch):
    for features, expected in (
        ({"amx_bf16": True}, "bf16"),
        ({"avx512_bf16": True}, "bf16"),
        ({"avx2": True}, "32"),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda features=features: features)
        assert choose_precision("auto", "cpu") == expected
