"""One GPU per training: a training locks the first free GPU that it may use, until its process ends."""

import contextlib
import fcntl
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from myelosketch.errors import InputError

# lines of nvidia-smi: a GPU, or below it a part of one (MIG)
LISTED = re.compile(r"^GPU \d+: .*\(UUID: (GPU-\S+)\)|^ +MIG .*\(UUID: (MIG-\S+)\)", re.MULTILINE)


def hold_gpu(device: str) -> None:
    """Lock one GPU for this process and hide the others from CUDA. Call it before PyTorch searches for GPUs.

    Only GPUs that CUDA_VISIBLE_DEVICES allows are considered, or all if it is not set. Nothing happens on a machine
    without a GPU, or if PyTorch cannot use one. The lock ends with the process, even if the process is killed.

    Parameters
    ----------
    device : "auto", "cpu" or "cuda"

    Raises
    ------
    InputError : lock files cannot be written to the folder for temporary files
    """
    import torch

    if device == "cpu" or not torch.backends.cuda.is_built():
        return
    names = visible_gpus(gpus_of_machine(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    if names:
        name, _ = lock_free_gpu(names, Path(tempfile.gettempdir()))
        os.environ["CUDA_VISIBLE_DEVICES"] = name
        print(f"this training uses GPU {name}", flush=True)


def device_of_a_prediction(device: str) -> str:
    """Return the device of a prediction: a GPU if it sees one, because its job requests none, as a training does.

    Parameters
    ----------
    device : "auto", "cpu" or "cuda", where networks are trained (training.device)

    Returns
    -------
    "auto" or "cpu"
    """
    return "cpu" if device == "cpu" else "auto"


def gpus_of_machine() -> list[list[str]]:
    """Return the GPUs of this machine in the order of nvidia-smi or, if it fails, of their device files.

    Returns
    -------
    list of lists of str : per GPU its UUID, or the UUIDs of its MIG instances, or its index if nothing else is known
    """
    try:
        asked = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=60)
        listed = parse_listing(asked.stdout)
    except (OSError, subprocess.TimeoutExpired):
        listed = []
    return listed or [[str(index)] for index, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def parse_listing(text: str) -> list[list[str]]:
    """Return the GPUs in the output of ``nvidia-smi -L``; see `gpus_of_machine`."""
    gpus = []
    for gpu, instance in LISTED.findall(text):
        if gpu:
            gpus.append([gpu])
        else:
            gpus[-1] = [name for name in gpus[-1] if name.startswith("MIG-")] + [instance]
    return gpus


def visible_gpus(gpus: Sequence[Sequence[str]], wanted: str | None) -> list[str]:
    """Return the names of the GPUs that a process may use.

    Parameters
    ----------
    gpus : list of lists of str, see `gpus_of_machine`; empty if the GPUs of the machine are unknown
    wanted : value of CUDA_VISIBLE_DEVICES: indices as in nvidia-smi, UUIDs or their beginnings, MIG names; None if it
        is not set

    Returns
    -------
    list of str : in the order of `wanted`. Like CUDA, it ends before the first entry that is not a GPU
    """
    every = [name for gpu in gpus for name in gpu]
    if wanted is None:
        return every
    visible = []
    for word in (word.strip() for word in wanted.split(",")):
        if word.isdecimal() and not gpus:
            visible.append(word)
        elif word.isdecimal() and int(word) < len(gpus):
            visible += gpus[int(word)]
        elif word.startswith(("GPU-", "MIG-")):
            known = [name for name in every if name.startswith(word)]
            visible += known if len(known) == 1 else [word]
        else:
            break
    return list(dict.fromkeys(visible))


def lock_free_gpu(names: Sequence[str], folder: Path, *, pause: float = 1.0) -> tuple[str, int]:
    """Lock the first free GPU. If all are in use, wait for the first that is released.

    Parameters
    ----------
    names : list of str, of GPUs
    folder : Path of the lock files, shared by all processes that should not use the same GPU
    pause : seconds between two attempts while all GPUs are in use

    Returns
    -------
    (str, int) : name of the GPU, and descriptor of its lock file. The GPU is released when the file is closed or the
        process ends

    Raises
    ------
    InputError : lock files cannot be written to the folder
    """
    told = False
    try:
        files = {name: open_lock(folder / f"myelosketch-{name.replace('/', '-')}.lock") for name in names}
        while True:
            for name, file in files.items():
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return name, file
            if not told:
                print(f"waiting for a GPU: other training runs use {', '.join(names)}", flush=True)
                told = True
            time.sleep(pause)
    except OSError as error:
        raise InputError(
            f"a training run cannot lock its GPU in the folder for temporary files {folder} ({error.strerror}): "
            "set TMPDIR to a folder on a local disk that you can write."
        ) from error


def open_lock(path: str | Path) -> int:
    """Open a lock file so that every user of the machine can open it. Create it if it is missing.

    Returns
    -------
    int : descriptor
    """
    mask = os.umask(0)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:  # no O_CREAT: Linux refuses that in /tmp for a file of another user
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    finally:
        os.umask(mask)
