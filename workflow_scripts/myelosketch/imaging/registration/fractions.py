"""The fraction of each PET voxel that each tissue fills: written once, and divided into regions at any threshold."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from myelosketch.errors import InputError
from myelosketch.intake.raw import load_series
from myelosketch.io.provenance import provenance, read_json, sidecar_path
from myelosketch.io.volumes import Volume, check_same_grid, save_volume

FRACTIONS = ("brain", "csf", "grey", "white", "lesion")
# how far interpolation in single precision may go below 0 or above 1
TOLERANCE = 1e-3


def write_fractions(
    path: str | Path,
    *,
    tissue: Volume,
    brain: Volume,
    lesion: Volume,
    petref: Volume,
    transforms: Sequence[str | Path],
    sources: Sequence[str | Path],
) -> None:
    """Bring the tissues of a T1w image to petref, and write them as one 4D image with a LabelMap in its JSON.

    White matter includes lesions. The brain is the sum of CSF, grey and white matter.

    Parameters
    ----------
    path : ``.nii.gz`` to write, (x, y, z, 5) float32, 0-1, in the order of FRACTIONS
    tissue : Volume on the T1w grid, TISSUE_CODES; voxels outside ``brain`` do not count
    brain : Volume, above 0 inside
    lesion : Volume, fraction 0-1
    petref : Volume that gives the PET grid
    transforms : list of paths for ``ants.apply_transforms``, from T1w to petref
    sources : list of paths that the fractions are made from

    Raises
    ------
    GeometryError : tissue, brain and lesion do not share one grid
    InputError : lesions of unknown origin (see ``lesion_source``)
    """
    check_same_grid(tissue, brain)
    check_same_grid(tissue, lesion)
    origin = lesion_source(lesion)
    moved = tissues_on(petref, tissue_shares(tissue, brain, lesion), transforms)
    sidecar = provenance(
        sources=sources, Units="1", LabelMap=list(FRACTIONS), LesionSource=origin, Resolution="PET grid"
    )
    save_volume(path, np.stack([moved[name] for name in FRACTIONS], axis=-1), petref.affine, sidecar=sidecar)


def tissue_shares(tissue: Volume, brain: Volume, lesion: Volume) -> dict[str, Volume]:
    """Return the share of each T1w voxel that CSF, grey matter, white matter (with lesions) and lesions fill.

    Returns
    -------
    dict of Volume : ``csf``, ``grey``, ``white``, ``lesion``; the first three sum to 1 in the brain
    """
    # ants takes seconds to import: code that only reads fractions does not wait for it
    from myelosketch.imaging.anatomy.tissue import TISSUE_CODES

    codes = np.where(brain.data > 0, tissue.data, 0)
    damaged = np.clip(lesion.data, 0, 1).astype(np.float32)
    shares = {
        "csf": np.where(codes == TISSUE_CODES["CSF"], 1 - damaged, 0),
        "grey": np.where(codes == TISSUE_CODES["grey matter"], 1 - damaged, 0),
        "white": np.where(codes == TISSUE_CODES["white matter"], 1, damaged),
        "lesion": damaged,
    }
    return {name: Volume(data.astype(np.float32), tissue.affine) for name, data in shares.items()}


def tissues_on(
    petref: Volume, shares: Mapping[str, Volume], transforms: Sequence[str | Path]
) -> dict[str, np.ndarray]:
    """Return the shares of ``tissue_shares`` on the PET grid, 0-1, and ``brain``, their sum without ``lesion``.

    Returns
    -------
    dict of arrays (x, y, z), float32
    """
    from myelosketch.imaging.registration.resampling import content_box, crop, resample_fraction

    inside = shares["csf"].data + shares["grey"].data + shares["white"].data
    box = content_box(Volume(inside, shares["white"].affine))
    moved = {
        name: np.clip(resample_fraction(crop(share, box), petref, transforms).data, 0, 1)
        for name, share in shares.items()
    }
    return moved | {"brain": np.clip(moved["csf"] + moved["grey"] + moved["white"], 0, 1)}


def lesion_source(lesion: Volume) -> str:
    """Return where lesions come from, as the sidecar of their image states.

    Parameters
    ----------
    lesion : Volume

    Returns
    -------
    "mask" | "flair" | "none"

    Raises
    ------
    InputError : there are lesions, but no sidecar says where they come from
    """
    note = sidecar_path(lesion.path) if lesion.path else None
    known = read_json(note).get("LesionSource") if note and note.is_file() else None
    if known is None and lesion.data.any():
        raise InputError(
            f"{note or 'A lesion image in memory'} does not say whether its lesions come from a mask or from the "
            "FLAIR (LesionSource); delete it, so that it is made again."
        )
    return known or "none"


def read_fractions(path: str | Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return fractions as ``write_fractions`` wrote them, whatever the order of their volumes.

    Parameters
    ----------
    path : ``.nii.gz`` with its JSON beside it

    Returns
    -------
    dict : name of FRACTIONS to array (x, y, z), 0-1
    affine : (4, 4)

    Raises
    ------
    InputError : no LabelMap, a wrong number of volumes, a tissue that is missing, or values that are not fractions
    """
    names, _ = _read_note(path)
    series = load_series(path)
    if series.shape[3] != len(names):
        raise InputError(
            f"{path} has {series.shape[3]} volumes, but the LabelMap of its JSON names {len(names)}: "
            "delete it, so that it is made again."
        )
    low, high = float(series.data.min()), float(series.data.max())
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):  # also where either is NaN
        raise InputError(
            f"{path} holds values from {low:.3g} to {high:.3g}; expected fractions of a voxel, 0-1: "
            "delete it, so that it is made again."
        )
    return {name: series.data[..., number] for number, name in enumerate(names)}, series.affine


def read_lesion_source(path: str | Path) -> str:
    """Return where the lesions in an image of fractions come from: "mask", "flair" or "none"."""
    return _read_note(path)[1]


def _read_note(path: str | Path) -> tuple[list[str], str]:
    """Return the names of the volumes, and the source of the lesions."""
    note = sidecar_path(path)
    content = read_json(note) if note.is_file() else {}
    names, source = content.get("LabelMap") or [], content.get("LesionSource") or ""
    if sorted(names) != sorted(FRACTIONS) or not source:
        raise InputError(
            f"{note} does not say which volume is which (LabelMap: {', '.join(FRACTIONS)}) and where lesions come "
            f"from (LesionSource): delete {Path(path).name}, so that both are made again."
        )
    return names, source
