"""Packs: files with the training scans of one part of the cohort, which the training runs of all folds read."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from myelosketch.errors import InputError, for_each
from myelosketch.io.provenance import write_bytes
from myelosketch.learning.data import TRAINING_FILES, TrainingScan, check_fold, load_training_scan

ARRAYS = ("maps", "support", "dvr", "regions")


def pack_scans(scans: Sequence[str], files: Mapping[str, Sequence[str | Path]], pack: str | Path) -> None:
    """Read training scans, check them, and write them to one file.

    Maps and DVR stay float32, because half precision would lose the third decimal of DVR. Support and regions are
    bytes.

    Parameters
    ----------
    scans : list of names
    files : dict of lists of paths, one per scan in the order of ``scans``; keys of `data.TRAINING_FILES`
    pack : path to write (safetensors: ``scan/maps``, ``scan/support``, ``scan/dvr``, ``scan/regions``)

    Raises
    ------
    InputError : lists all scans that cannot be trained on, see `load_training_scan`
    """
    tensors: dict[str, np.ndarray] = {}

    def read(number: int) -> None:
        name = scans[number]
        scan = load_training_scan(name, {key: files[key][number] for key in TRAINING_FILES})
        tensors.update({f"{name}/{key}": np.ascontiguousarray(_plain(getattr(scan, key))) for key in ARRAYS})

    for_each(range(len(scans)), read)
    write_bytes(pack, save(tensors))


def read_packs(scans: Sequence[str], packs: Iterable[str | Path]) -> list[TrainingScan]:
    """Read the training scans of a fold.

    Parameters
    ----------
    scans : list of names; their order is kept, and no other scan of the packs is read
    packs : list of paths that `pack_scans` wrote

    Returns
    -------
    list of TrainingScan

    Raises
    ------
    InputError : a scan is in no pack, or as in `data.check_fold`
    """
    found: dict[str, TrainingScan] = {}
    wanted = set(scans)
    for path in packs:
        with safe_open(path, framework="np") as pack:  # mapped into memory, so only requested arrays are read
            for name in {key.split("/")[0] for key in pack.keys()} & wanted:  # noqa: SIM118
                arrays = {key: pack.get_tensor(f"{name}/{key}") for key in ARRAYS}
                arrays["support"] = arrays["support"].astype(bool)
                found[name] = TrainingScan(name, **arrays)
    missing = [name for name in scans if name not in found]
    if missing:
        raise InputError(
            f"no pack of training scans contains {', '.join(missing)}: delete results/training/scans and start again."
        )
    return check_fold([found[name] for name in scans])


def _plain(array: np.ndarray) -> np.ndarray:
    return array.astype(np.uint8) if array.dtype == bool else array
