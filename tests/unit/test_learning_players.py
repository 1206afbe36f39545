"""The two players: the input of each network, the losses of each, and settings that cannot work."""

import lightning.pytorch as lightning
import numpy as np
import pytest
import torch
from test_learning_cohort import cohort, load_fold, rewrite, tiny_settings  # noqa: F401

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS
from myelosketch.learning import losses
from myelosketch.learning.checks import check_settings
from myelosketch.learning.crops import step_loader
from myelosketch.learning.data import fit_normalisation
from myelosketch.learning.device import choose_device, choose_precision
from myelosketch.learning.training import build


def players(data, method="sketcher", **changes):
    """The two players of a method, ready to train."""
    scans = load_fold(*data)
    sketches = [scan.dvr * 0 + 1 if method == "refiner" else None for scan in scans]
    return build(method, scans, fit_normalisation(scans), sketches, tiny_settings(**changes), 5)


def fit_steps(module, steps=1, **options):
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=steps, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, **options,
    )  # fmt: skip
    trainer.fit(module, step_loader(module.batches))


def test_the_discriminator_sees_maps_and_pet_and_never_the_sketch(cohort):  # noqa: F811
    module = players(cohort, "refiner")
    torch.nn.init.normal_(module.generator.network.head.weight)  # else the prediction may be the sketch
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
    """Two cohorts that differ only in their region maps give every network the same input."""
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


def test_the_discriminator_sees_neither_pet_where_nothing_was_measured(cohort):  # noqa: F811
    """A hole in the measured PET would distinguish it from a generated one."""
    _, files = cohort
    for path in files["dvr"]:
        rewrite(path, lambda data: np.where(np.indices(data.shape)[2] > 9, 0, data))
    module = players(cohort)
    seen = []
    module.discriminator.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[1]))
    fit_steps(module)
    real, fake = seen[0].chunk(2)
    assert real.any()
    assert torch.equal(real != 0, fake != 0)


def test_the_discriminator_finds_a_level_that_all_predictions_share(cohort):  # noqa: F811
    """A tenth of an SD is all that differs. Batch normalisation over patches of one kind alone would hide it: the
    discriminator is then right on .59 of the last patches."""
    module = players(cohort, discriminator={"widths": [8] * 4, "patch": [16] * 3})
    adam = torch.optim.Adam(module.discriminator.parameters(), lr=0.002, betas=(0.5, 0.999))
    torch.manual_seed(0)
    accuracies = []
    for _ in range(60):
        maps = torch.randn(8, 4, 16, 16, 16)
        real, fake = torch.randn(8, 1, 16, 16, 16), torch.randn(8, 1, 16, 16, 16) - 0.1
        real_logits, fake_logits = module._judge(maps, real, fake)
        adam.zero_grad()
        losses.discriminator_loss(real_logits, fake_logits).backward()
        adam.step()
        accuracies.append(float(losses.balanced_accuracy(real_logits, fake_logits)))
    assert np.mean(accuracies[40:]) > 0.9


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
    with pytest.raises(InputError, match="training.device is cuda, but PyTorch finds no GPU"):
        choose_device("cuda")
    with pytest.raises(InputError, match="training.device is 'tpu'; expected one of auto, cpu, cuda"):
        choose_device("tpu")


def test_a_cpu_computes_in_float32_and_a_gpu_in_bfloat16_if_it_multiplies_that(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True, "avx512_bf16": True})
    assert choose_precision("auto", "cpu") == choose_precision(32, "cpu") == "32"
    for capability, expected in (((7, 5), "32"), ((8, 0), "bf16"), ((9, 0), "bf16")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda capability=capability: capability)
        assert choose_precision("auto", "cuda") == expected
        assert choose_precision("32", "cuda") == "32"
    for gone in ("bf16", 16):
        with pytest.raises(InputError, match=f"training.precision is '{gone}'; expected one of auto, 32.$"):
            choose_precision(gone, "cuda")
