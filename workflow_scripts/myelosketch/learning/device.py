"""Device, precision and number of threads of a training or prediction."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

# idle threads sleep instead of spinning: two spinning threads on a busy machine are five times slower than one
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from myelosketch.errors import InputError

if TYPE_CHECKING:
    from myelosketch.learning.crops import FoldCrops

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "32")


def choose_device(wanted: str) -> str:
    """Return the device to compute on.

    Parameters
    ----------
    wanted : "auto" (a GPU if there is one), "cpu" or "cuda"

    Returns
    -------
    "cpu" or "cuda"

    Raises
    ------
    InputError : "cuda" is set, but no GPU can be used
    """
    if wanted not in DEVICES:
        raise InputError(f"training.device is {wanted!r}; expected one of {', '.join(DEVICES)}.")
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise InputError(
            "training.device is cuda, but PyTorch finds no GPU: use auto or cpu, install PyTorch "
            "for CUDA, or "
            "check CUDA_VISIBLE_DEVICES and the GPU request of the job."
        )
    return "cuda" if available and wanted != "cpu" else "cpu"


def choose_precision(wanted: str | int, device: str) -> str:
    """Return the precision of the convolutions. Weights, losses, last layers and optimisers are always float32.

    A CPU always computes in float32: PyTorch's bfloat16 gradients are wrong on some CPUs (docs/decisions/0014).

    Parameters
    ----------
    wanted : "auto" (bfloat16 on a GPU that multiplies it natively, compute capability 8; else float32) or "32"
    device : "cpu" or "cuda"

    Returns
    -------
    "32" or "bf16"

    Raises
    ------
    InputError : ``wanted`` has another value
    """
    wanted = str(wanted)
    if wanted not in PRECISIONS:
        raise InputError(f"training.precision is {wanted!r}; expected one of {', '.join(PRECISIONS)}.")
    native = device == "cuda" and torch.cuda.get_device_capability()[0] >= 8
    return "bf16" if native and wanted == "auto" else "32"


def set_threads(threads: int) -> None:
    """Set the number of threads of PyTorch's operators to that of the rule."""
    torch.set_num_threads(int(threads))


def free_memory(device: torch.device) -> int:
    """Return the free bytes of a GPU (torch.device), or 0 for a CPU, where scans are in memory anyway."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def memory_advice(batches: FoldCrops, precision: str) -> str:
    """Return the message for a GPU with too little memory.

    Parameters
    ----------
    batches : FoldCrops
    precision : "32" or "bf16"
    """
    gigabyte = 1e9
    peak = torch.cuda.max_memory_allocated() / gigabyte
    total = torch.cuda.mem_get_info()[1] / gigabyte
    what = "whole volumes" if batches.crop is None else f"crops of {list(batches.crop)}"
    remedies = ["a smaller training.crop" if batches.crop else "training.crop instead of whole volumes"]
    remedies += ["a smaller training.batch"] if batches.batch > 1 else []
    remedies += ["training.precision: auto"] if choose_precision("auto", "cuda") != precision else []
    return (
        f"the GPU ran out of memory with {batches.batch} {what} per step in precision {precision}: "
        f"training held {peak:.1f} GB of its {total:.1f} GB and needed more; use {', or '.join(remedies)}."
    )
