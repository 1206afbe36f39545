"""How a failing training run ends or warns, and on which device and in which precision it runs."""

import math
import re
from types import SimpleNamespace

import pytest
import torch
from test_learning_cohort import tiny_settings, write_cohort
from test_learning_training import train

from myelosketch.errors import InputError
from myelosketch.io.tables import read_table
from myelosketch.learning import fitting, training
from myelosketch.learning.device import memory_advice
from myelosketch.learning.gan import ConditionalGAN
from myelosketch.learning.models import load_model
from myelosketch.learning.progress import collapse, warnings_of

GB = 1_000_000_000


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("engine"))


def test_a_loss_that_is_not_finite_ends_the_training_with_the_reason(data, tmp_path):
    settings = tiny_settings()
    settings["unet"] |= {"learning_rate": 1e30, "epochs": 3}
    with pytest.raises(
        InputError,
        match=r"^training diverged in step 2 of epoch 1: weights of the generator have grown to 1e\+30. "
        "Lower training.unet.learning_rate.$",
    ):
        train("unet", data, tmp_path, settings=settings)
    assert not (tmp_path / "model.json").exists()


class WrongGradient(torch.autograd.Function):
    """Finite forward, not a number backward, as a faulty kernel of a convolution gave it."""

    @staticmethod
    def forward(context, image):
        return image.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient * math.nan


@pytest.mark.parametrize(
    ("fault", "layer"),
    [
        (WrongGradient.apply, r"discriminator.stages.6.conv \(its gradient\)"),
        (lambda image: image * math.nan, "discriminator.stages.6.conv"),
    ],
)
def test_wrong_arithmetic_is_told_from_divergence(data, tmp_path, monkeypatch, fault, layer):
    """The fourth convolution of the discriminator is at fault, from the first step on."""
    build = training.build

    def build_with_fault(*given):
        module = build(*given)
        module.discriminator.stages[6].conv.register_forward_hook(lambda *call: fault(call[-1]))
        return module

    monkeypatch.setattr(training, "build", build_with_fault)
    arithmetic = f"PyTorch {torch.__version__}, cpu ({torch.backends.cpu.get_cpu_capability()}), float32"
    with pytest.raises(
        InputError,
        match="^the discriminator of sketcher is not finite in step 1 of epoch 1, although no weight is above 1: the "
        f"arithmetic is at fault, not your data or settings. First layer: {layer}; {re.escape(arithmetic)}. Please "
        r"report this message \(see CONTRIBUTING.md\). To continue meanwhile, run the same command with "
        "ATEN_CPU_CAPABILITY=avx2 and ONEDNN_MAX_CPU_ISA=AVX2 in the environment: this uses other kernels, and "
        "training continues from its last epoch.$",
    ):
        train("sketcher", data, tmp_path)


def test_a_discriminator_that_is_always_right_is_a_warning(data, tmp_path, capsys):
    """Provoked by a fast learning rate and a generator that does not learn."""
    settings = tiny_settings(steps_per_epoch=10, schedule="constant")
    settings["sketcher"] |= {"epochs": 8, "discriminator_learning_rate": 0.02, "learning_rate": 1e-9}
    card = train("sketcher", data, tmp_path, settings=settings)
    history = read_table(tmp_path / "history.tsv", numeric=True)
    first = history["epoch"][history["collapsed"] == 1].iloc[0]
    sentence = (
        "the discriminator was right on every patch in epochs {} to {}, so it hardly guided the generator: "
        "lower discriminator_learning_rate of this stage, or narrow training.discriminator.widths."
    )
    assert f"Warning: {sentence.format(first - 2, first)}" in capsys.readouterr().out
    last = history["epoch"][history["collapsed"] == 1].iloc[-1]
    assert card["warnings"] == [sentence.format(last - 2, last)]


@pytest.mark.parametrize(
    ("accuracies", "found"),
    [
        ([1.0, 0.99, 0.995], "right on every patch in epochs 1 to 3"),
        ([0.0, 0.01, 0.0], "wrong on every patch in epochs 1 to 3"),
        ([1.0, 0.98, 1.0], None),
        ([1.0, 1.0], None),
        ([0.46, 0.5, 0.54], "(it was right on 50%; chance is 50 %)"),
        ([0.5, 0.6, 0.6], None),
    ],
)
def test_collapse_takes_three_epochs_in_a_row(accuracies, found):
    rows = [{"epoch": n, "accuracy_real": a, "accuracy_fake": a} for n, a in enumerate(accuracies, 1)]
    assert found in collapse(rows) if found else collapse(rows) is None
    assert len(warnings_of(rows)) == (found is not None)
    one_sided = [{**row, "accuracy_fake": 0.5} for row in rows]
    assert "every patch" not in (collapse(one_sided) or "")
    assert collapse([{"epoch": row["epoch"]} for row in rows]) is None  # no discriminator


def test_killed_after_it_stopped_early_it_trains_no_further(data, tmp_path, monkeypatch):
    from myelosketch.learning.validation import InnerValidation

    scores = iter([0.3, 0.4, 0.1, 0.1])
    monkeypatch.setattr(
        InnerValidation,
        "score",
        lambda *_: {"validation_lesion_mae": next(scores), "validation_brain_mae": 1.0},
    )
    settings = tiny_settings(
        validation={"participants_share": 0.3, "every_epochs": 1, "patience": 1},
    )
    settings["sketcher"]["epochs"] = 4
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "save_model", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train("sketcher", data, tmp_path, settings=settings)
    card = train("sketcher", data, tmp_path, settings=settings)
    assert (card["epochs"], card["best"]["epoch"]) == (2, 1)


@pytest.fixture
def small_gpu(monkeypatch):
    """A GPU of 12 GB with native bfloat16 on which training held 11 GB."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 0))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 11 * GB)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1 * GB, 12 * GB))


@pytest.mark.usefixtures("small_gpu")
def test_a_gpu_that_is_too_small_is_a_sentence_with_what_fits(data, tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ConditionalGAN, "training_step", full)
    with pytest.raises(
        InputError,
        match=r"^the GPU ran out of memory with 2 crops of \[16, 16, 16\] per step in precision 32: training held "
        "11.0 GB of its 12.0 GB and needed more; use a smaller training.crop, or a smaller training.batch, or "
        "training.precision: auto.$",
    ):
        train("unet", data, tmp_path)
    whole = SimpleNamespace(crop=None, batch=1)
    assert memory_advice(whole, "bf16").endswith("use training.crop instead of whole volumes.")


def test_a_finished_training_leaves_no_checkpoint(data, tmp_path):
    train("unet", data, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "history.tsv",
        "model.json",
        "model.safetensors",
    ]
    assert load_model(tmp_path)[1]["epochs"] == 1
