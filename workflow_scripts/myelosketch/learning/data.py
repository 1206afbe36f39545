"""Scans of a training fold: read once, normalised by the statistics of the fold, cut to the box around the brain."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS, REGION_CODES
from myelosketch.io.volumes import check_same_grid, has_value, load_volume

TRAINING_FILES = ("mtr", "fa", "rd", "ad", "dvr", "regions")


@dataclass(frozen=True)
class Maps:
    """MRI maps of a scan on its PET grid.

    ``data`` (4, x, y, z) is in the order of `INPUT_MAPS` and 0 outside ``support`` (x, y, z), the voxels where the
    tensor fit gave a diffusivity (AD > 0). The registration has cut maps of the whole head to the brain of the T1w
    image. The support therefore comes from the maps, and prediction needs no mask (our choice).
    """

    data: np.ndarray
    support: np.ndarray
    affine: np.ndarray
    paths: tuple[str | None, ...]


@dataclass(frozen=True)
class TrainingScan:
    """Data of a training scan, cut to the box around its brain.

    These are ``maps`` (4, x, y, z) in their units, ``support``, ``dvr`` and ``regions`` (x, y, z). Where the PET has
    no value, ``dvr`` and ``regions`` are 0. Outside the support ``regions`` are 0."""

    name: str
    maps: np.ndarray
    support: np.ndarray
    dvr: np.ndarray
    regions: np.ndarray

    @property
    def brain(self) -> np.ndarray:
        """Voxels that enter the losses: inside the region map, with MRI maps and a measured DVR."""
        return self.regions > 0


@dataclass(frozen=True)
class Normalisation:
    """In-brain mean and SD per map, and of the DVR, over the scans of one training fold.

    ``inputs`` are the input maps of a model, in the order of `INPUT_MAPS`. ``mean`` and ``sd`` have one value for
    each. A map that is left out has no channel anywhere.
    """

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    dvr_mean: float
    dvr_sd: float
    inputs: tuple[str, ...] = INPUT_MAPS

    def standardise(self, maps: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Return z-scores (inputs, x, y, z), float32, of all four maps (4, x, y, z); 0 outside the support."""
        shape = (-1, 1, 1, 1)
        chosen = maps[[INPUT_MAPS.index(name) for name in self.inputs]]
        scores = (chosen - np.reshape(self.mean, shape)) / np.reshape(self.sd, shape)
        return (scores * support).astype(np.float32)

    def card(self) -> dict[str, Any]:
        """Return the entry of the model card."""
        return {
            "maps": {
                m: {"mean": a, "sd": b} for m, a, b in zip(self.inputs, self.mean, self.sd, strict=True)
            },
            "dvr": {"mean": self.dvr_mean, "sd": self.dvr_sd},
        }

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self:
        """Create the object from an entry of a model card, the inverse of `card`."""
        inputs = tuple(name for name in INPUT_MAPS if name in card["maps"])
        return cls(
            tuple(card["maps"][name]["mean"] for name in inputs),
            tuple(card["maps"][name]["sd"] for name in inputs),
            card["dvr"]["mean"],
            card["dvr"]["sd"],
            inputs,
        )


def load_maps(files: Mapping[str, str | Path]) -> Maps:
    """Read MTR, FA, RD and AD of one scan.

    Parameters
    ----------
    files : dict of paths with the keys mtr, fa, rd, ad

    Returns
    -------
    Maps

    Raises
    ------
    GeometryError : the maps have different grids
    InputError : AD is not above 0 in any voxel, or a value inside the support is not finite
    """
    volumes = [load_volume(files[name.lower()]) for name in INPUT_MAPS]
    for volume in volumes[1:]:
        check_same_grid(volumes[0], volume)
    data = np.stack([volume.data for volume in volumes]).astype(np.float32)
    axial = data[INPUT_MAPS.index("AD")]
    support = ~(axial <= 0)  # a NaN counts as tissue here, so that the check below finds it
    if not support.any():
        raise InputError(
            f"{volumes[-1].path} has no voxel above 0, so there is no brain to predict: check the map."
        )
    for name, volume, values in zip(INPUT_MAPS, volumes, data, strict=True):
        _check_finite(values, support, volume.path, name)
    return Maps(np.where(support, data, 0), support, volumes[0].affine, tuple(v.path for v in volumes))


def load_training_scan(name: str, files: Mapping[str, str | Path]) -> TrainingScan:
    """Read one scan for training.

    Parameters
    ----------
    name : scan name
    files : dict of paths with the keys mtr, fa, rd, ad, dvr, regions

    Returns
    -------
    TrainingScan

    Raises
    ------
    GeometryError : images have different grids
    InputError : a map has values inside the brain that are not finite, or no brain voxel has a measured DVR
    """
    maps = load_maps(files)
    dvr, regions = load_volume(files["dvr"]), load_volume(files["regions"], dtype=np.uint8)
    grid = load_volume(files["mtr"])
    check_same_grid(grid, dvr)
    check_same_grid(grid, regions)
    measured = has_value(dvr.data)
    brain = (regions.data > 0) & measured & maps.support
    if not brain.any():
        raise InputError(
            f"{regions.path} and {dvr.path} have no brain voxel with a DVR in common, so the scan cannot be used: "
            "check both, and exclude the scan if its PET does not cover the brain."
        )
    box = bounding_box(maps.support)
    return TrainingScan(
        name,
        maps.data[(slice(None), *box)],
        maps.support[box],
        np.where(measured, dvr.data, 0)[box].astype(np.float32),
        np.where(brain, regions.data, 0)[box],
    )


def check_fold(scans: list[TrainingScan]) -> list[TrainingScan]:
    """Return the training scans of a fold after checking that they have a lesion.

    Raises
    ------
    InputError : the whole fold has no lesion voxel
    """
    if not any((scan.regions == REGION_CODES["lesion"]).any() for scan in scans):
        raise InputError(
            f"none of the {len(scans)} training scans ({scans[0].name}, ...) has a lesion voxel in its "
            "region map: give lesion masks, or more patients per fold."
        )
    return scans


def fit_normalisation(scans: Sequence[TrainingScan], inputs: Sequence[str] = INPUT_MAPS) -> Normalisation:
    """Return mean and SD over the brain voxels of the training scans, each voxel once (decision 12, our choice).

    Parameters
    ----------
    scans : list of TrainingScan
    inputs : names of the input maps

    Returns
    -------
    Normalisation

    Raises
    ------
    InputError : a map is constant over all brains
    """
    inputs = tuple(name for name in INPUT_MAPS if name in inputs)
    chosen = [INPUT_MAPS.index(name) for name in inputs]
    values = [np.stack([*scan.maps[chosen], scan.dvr])[:, scan.brain].astype(np.float64) for scan in scans]
    count = sum(part.shape[1] for part in values)
    mean = sum(part.sum(axis=1) for part in values) / count
    variance = sum(((part - mean[:, None]) ** 2).sum(axis=1) for part in values) / count
    for name, spread in zip((*inputs, "DVR"), variance, strict=True):
        if not spread > 0:
            raise InputError(
                f"{name} has the same value in every brain voxel of the training scans: check the maps."
            )
    sd = np.sqrt(variance)
    return Normalisation(
        tuple(mean[:-1].tolist()), tuple(sd[:-1].tolist()), float(mean[-1]), float(sd[-1]), inputs
    )


def data_hash(scans: Sequence[TrainingScan]) -> str:
    """Return the SHA-256 over the names and voxels of the training scans, which identifies the training data."""
    digest = hashlib.sha256()
    for scan in scans:
        digest.update(scan.name.encode())
        for array in (scan.maps, scan.dvr, scan.regions):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def inner_parts(subjects: Sequence[str], splits: int) -> np.ndarray:
    """Return the inner part of each scan. Sorted participants go to the parts in turn, with all their scans.

    Parameters
    ----------
    subjects : participant of each scan
    splits : number of parts; at most one per participant

    Returns
    -------
    int array (scans,)
    """
    order = sorted(set(subjects))
    return np.array([order.index(subject) % min(splits, len(order)) for subject in subjects])


def bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return slices (3,) around the true voxels of a mask (x, y, z)."""
    box = []
    for axis in range(3):
        line = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(line[0]), int(line[-1]) + 1))
    return tuple(box)


def _check_finite(values: np.ndarray, where: np.ndarray, path: str | Path | None, name: str) -> None:
    bad = int((~np.isfinite(values[where])).sum())
    if bad:
        raise InputError(
            f"{path} has {bad} voxels inside the brain that are not finite; expected {name} as numbers: "
            "correct the map or exclude the scan."
        )
