"""Checks of settings beyond the schema, and of the GPU, without slow imports: the workflow calls them at start."""

import json
import os
import shutil
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS
from myelosketch.learning.ladder import NETWORK_METHODS

# the network of the method transfer that comes with the software
PRETRAINED = Path(__file__).resolve().parents[3] / "models/pretrained"
HALVINGS = 4  # stages of the discriminator, each halving a patch


# first entries of CUDA_VISIBLE_DEVICES that mean "no GPU"; Slurm sets the last
HIDDEN = ("", "-1", "NoDevFiles")


@cache
def has_gpu() -> bool:
    """Return whether this machine has a usable GPU. Asking PyTorch would take seconds."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.split(",")[0].strip() in HIDDEN:
        return False
    return any(shutil.which(name) for name in ("nvidia-smi", "rocm-smi")) or Path("/dev/nvidia0").exists()


def gpus_of_a_training(device: str, *, local: bool) -> int:
    """Return the number of GPUs that a training requests: one, or none if this machine has none.

    Training runs without a GPU run in parallel. Training runs with a GPU run one after the other (profiles/default).

    Parameters
    ----------
    device : auto, cpu or cuda (training.device)
    local : bool, whether jobs run on this machine; the GPUs of a cluster are unknown here

    Returns
    -------
    int
    """
    on_cpu = device == "auto" and local and not has_gpu()
    return 0 if device == "cpu" or on_cpu else 1


def check_settings(method: str, settings: Mapping[str, Any]) -> None:
    """Check settings that the schema cannot check, before anything expensive starts.

    Raises
    ------
    InputError : crop or patch do not suit the networks, or lambda or learning rate is out of range
    """
    plan, stage = NETWORK_METHODS[method], settings[method]
    if stage["lambda_l1"] < 0:
        raise InputError(
            f"training.{method}.lambda_l1 is {stage['lambda_l1']}; expected 0 or more: a negative weight "
            "would reward predictions that are far from the measured PET."
        )
    for key in ("learning_rate", *(["discriminator_learning_rate"] if plan.adversarial else [])):
        if not stage[key] > 0:
            raise InputError(f"training.{method}.{key} is {stage[key]}; expected a number above 0.")
    if settings["crop"] is None and settings["batch"] > 1:
        raise InputError(
            f"training.batch is {settings['batch']} with whole volumes, which differ in size: "
            "set it to 1, or set training.crop."
        )
    stride = 2 ** (len(settings["generator"]["widths"]) - 1) if plan.network == "unet" else 1
    patch = settings["discriminator"]["patch"] if plan.adversarial else None
    check_sizes(crop=settings["crop"], patch=patch, stride=stride)


def check_controls_of_sites(
    scans: Iterable[str], controls: Container[str], sites: Mapping[str, str], *, fold: int | None = None
) -> None:
    """Raise an error if a site to harmonise has no healthy control (training.harmonise: controls).

    Parameters
    ----------
    scans : names of the training scans of a fold
    controls : names of the healthy controls among them
    sites : dict, scan -> site; "" without a site in the cohort table
    fold : number, for the message

    Raises
    ------
    InputError : names the sites without a control
    """
    names = list(scans)
    without = {sites[name] for name in names} - {sites[name] for name in names if name in controls}
    if without:
        which = ", ".join(site or "without a name" for site in sorted(without))
        raise InputError(
            f"training.harmonise is controls, but no training scan of fold {fold} is a healthy control of the "
            f"{'site' if len(without) == 1 else 'sites'} {which}: add controls, list the site in "
            "cohort.external_sites, or set training.harmonise: none."
        )


def check_sizes(*, crop: Sequence[int] | None, patch: Sequence[int] | None, stride: int) -> None:
    """Raise an error if a crop does not suit the generator, or a patch the discriminator.

    Parameters
    ----------
    crop : three sides in voxels, or None for whole volumes
    patch : three sides in voxels, or None without a discriminator
    stride : int, factor by which the generator shrinks an image at its deepest level

    Raises
    ------
    InputError : names the setting, the required divisor and the nearest valid value
    """
    if crop is not None and any(side < stride or side % stride for side in crop):
        nearest = [max(stride, round(side / stride) * stride) for side in crop]
        raise InputError(
            f"training.crop is {list(crop)}, but the generator halves an image down to 1/{stride}: "
            f"use sides divisible by {stride}, such as {nearest}."
        )
    if patch is None:
        return
    multiple = 2**HALVINGS
    if any(side < multiple or side % multiple for side in patch):
        nearest = [max(multiple, round(side / multiple) * multiple) for side in patch]
        raise InputError(
            f"training.discriminator.patch is {list(patch)}, but the discriminator halves a patch four times: "
            f"use sides divisible by {multiple}, such as {nearest}."
        )
    if crop is not None and any(inner > outer for inner, outer in zip(patch, crop, strict=True)):
        raise InputError(
            f"training.discriminator.patch {list(patch)} is larger than training.crop {list(crop)}: "
            "enlarge the crop or choose a smaller patch."
        )


def check_pretrained(folder: str | Path, inputs: Sequence[str]) -> str:
    """Check the requirements of the method transfer before anything starts.

    Parameters
    ----------
    folder : of the pretrained network
    inputs : the configuration's ``training.inputs``

    Returns
    -------
    str : SHA-256 of the network's weights, as its card states it

    Raises
    ------
    InputError : a file is absent or is not a card, or a map is left out that the network needs
    """
    folder = Path(folder)
    absent = [name for name in ("model.safetensors", "model.json") if not (folder / name).is_file()]
    if absent:
        raise InputError(
            f"{folder / absent[0]} does not exist, but training.methods lists transfer: correct "
            "training.transfer.pretrained, or leave the method out."
        )
    left_out = [name for name in INPUT_MAPS if name not in inputs]
    if left_out:
        raise InputError(
            f"training.inputs leaves out {', '.join(left_out)}, but the network of the method transfer needs "
            f"{', '.join(INPUT_MAPS)}: leave transfer out of training.methods, or give all maps."
        )
    try:
        return str(json.loads((folder / "model.json").read_text(encoding="utf-8"))["weights_sha256"])
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{folder / 'model.json'} is not a model card: copy the network again.") from None
