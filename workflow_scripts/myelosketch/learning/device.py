"""Which device, which precision and how many threads a training or prediction uses."""

import os

# threads that wait for each other asleep: awake, two of them on a busy machine are five times slower than one
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from myelosketch.errors import InputError

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "32", "bf16")


def choose_device(wanted):
    """Device to compute on.

    Parameters
    ----------
    wanted : "auto" (a GPU if there is one), "cpu" or "cuda"

    Returns
    -------
    "cpu" or "cuda"

    Raises
    ------
    InputError : "cuda" where no GPU can be used
    """
    if wanted not in DEVICES:
        raise InputError(f"training.device is {wanted!r}; expected one of {', '.join(DEVICES)}.")
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise InputError(
            "training.device is cuda, but PyTorch sees no GPU here: use auto or cpu, install PyTorch "
            "for CUDA, or "
            "check CUDA_VISIBLE_DEVICES and the GPU request of the job."
        )
    return "cuda" if available and wanted != "cpu" else "cpu"


def choose_precision(wanted, device):
    """Precision of the convolutions; weights, losses, last layers and optimisers are always float32.

    "auto" takes bfloat16 where the hardware multiplies it natively (a GPU of compute capability 8, a CPU with
    AMX or AVX-512 BF16), else float32. On a Xeon with AMX the convolutions are then three to four times
    faster, a whole step of both players 1.9 times (ours).

    Parameters
    ----------
    wanted : "auto", "32" or "bf16"
    device : "cpu" or "cuda"

    Returns
    -------
    "32" or "bf16"
    """
    wanted = str(wanted)
    if wanted not in PRECISIONS:
        raise InputError(f"training.precision is {wanted!r}; expected one of {', '.join(PRECISIONS)}.")
    if wanted != "auto":
        return wanted
    if device == "cuda":
        native = torch.cuda.get_device_capability()[0] >= 8
    else:
        features = torch.cpu.get_capabilities()
        native = features.get("amx_bf16", False) or features.get("avx512_bf16", False)
    return "bf16" if native else "32"


def set_threads(threads):
    """Threads of PyTorch's operators, as the rule was given them."""
    torch.set_num_threads(int(threads))
