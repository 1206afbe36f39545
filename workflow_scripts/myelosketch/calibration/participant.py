"""A simulated participant on the PET grid, as every measurement reads it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS
from myelosketch.io.provenance import write_bytes
from myelosketch.io.volumes import Volume

# classes of ``tissue``: voxels whose values are averaged for the tables
TISSUES = {"white": 1, "lesion": 2, "black_hole": 3, "cortex": 4, "csf": 5, "deep": 6}


@dataclass(frozen=True)
class Participant:
    """A participant on the PET grid, cut to the box around the brain.

    ``maps`` is a dict of arrays (x, y, z), float32: FA, RD, AD, MTR, DVR, rescan, noisefree, visible and, if
    present, T1w and FLAIR. ``regions`` (x, y, z) has the codes of names.REGION_CODES, 0 outside. ``tissue``
    (x, y, z) has the codes of TISSUES, 0 where tissues mix. ``affine`` (4, 4) is from voxel to PET world, mm.
    ``pose`` (4, 4) is from anatomy world to PET world, mm.
    """

    subject: str
    group: str
    maps: dict[str, np.ndarray]
    regions: np.ndarray
    tissue: np.ndarray
    affine: np.ndarray
    pose: np.ndarray

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel, mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def volume(self, name: str) -> Volume:
        """Return a map as a Volume."""
        return Volume(self.maps[name], self.affine)


def save_participant(person: Participant, path: str | Path) -> None:
    """Write a participant as a compressed NumPy archive, atomically."""
    stream = io.BytesIO()
    fields = {
        name: getattr(person, name) for name in ("subject", "group", "regions", "tissue", "affine", "pose")
    }
    maps: dict[str, Any] = {f"map_{name}": values for name, values in person.maps.items()}
    np.savez_compressed(stream, **fields, **maps)
    write_bytes(path, stream.getvalue())


def load_participant(path: str | Path) -> Participant:
    """Read a participant written by `save_participant`.

    Raises
    ------
    InputError : the file does not exist or is no such archive
    """
    if not Path(path).is_file():
        raise InputError(
            f"{path} does not exist: run snakemake --cores all --snakefile studies/calibration/Snakefile."
        )
    try:
        with np.load(path) as stored:
            maps = {name.removeprefix("map_"): stored[name] for name in stored if name.startswith("map_")}
            arrays = [stored[name] for name in ("regions", "tissue", "affine", "pose")]
            return Participant(str(stored["subject"]), str(stored["group"]), maps, *arrays)
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise InputError(
            f"{path} cannot be read as a measured participant: delete it and run again."
        ) from error


def stack_maps(person: Participant) -> np.ndarray:
    """Return the four MRI maps (4, x, y, z) in the order of INPUT_MAPS."""
    return np.stack([person.maps[name] for name in INPUT_MAPS])
