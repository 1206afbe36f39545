"""A user's own segmentation of the T1w image, as CSF, grey and white matter on its grid."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.imaging.anatomy.labels import BIDS, FREESURFER, MIXED, tissue_of_name, tissue_of_number
from myelosketch.imaging.anatomy.tissue import TISSUE_CODES
from myelosketch.imaging.registration.resampling import resample_fraction
from myelosketch.intake.raw import load_series
from myelosketch.io.provenance import sidecar_path
from myelosketch.io.sidecars import read_metadata
from myelosketch.io.volumes import GRID_TOLERANCE_MM, Volume, canonical, load_volume, open_image

TISSUES = ("csf", "grey", "white")
# order of the volumes of a 4D image without LabelMap, as SPM and BIDS have it
USUAL_ORDER = ("grey", "white", "csf")
OWNS = 0.5
# share of the segmented brain that must have signal in the T1w image
LEAST_SIGNAL = 0.7
SHOWN = 8


def read_segmentation(path: str | Path, t1w: Volume) -> dict[str, Any]:
    """Return CSF, grey and white matter of a segmentation, resampled by its header if it is on another grid.

    Parameters
    ----------
    path : 3D image of labels (FreeSurfer's aseg, aparc+aseg, wmparc; SynthSeg's; a BIDS ``dseg``, with a TSV of
        ``index`` and ``name`` beside it or with BIDS' own numbers), or a 4D image of probabilities in the order of
        ``LabelMap`` in its JSON, or grey, white, CSF
    t1w : Volume that it was made from, or one in the same world space

    Returns
    -------
    dict : arrays of bool ``csf``, ``grey``, ``white`` and ``brain`` (their union) on the grid of ``t1w``; ``record``,
        a dict that says which labels or volumes count as which tissue

    Raises
    ------
    InputError : unknown labels or volumes, values that are neither labels nor probabilities, a tissue without voxels,
        or a brain where the T1w image has no signal
    """
    series = len(open_image(path).shape) == 4
    shares, affine, record = _probabilities(path) if series else _labels(path)
    moved = {name: _on_grid(Volume(shares[name], affine), t1w) for name in TISSUES}
    total = sum(moved.values())
    best = np.stack([moved[name] for name in TISSUES]).argmax(axis=0)
    brain = total >= OWNS
    found = {name: brain & (best == index) for index, name in enumerate(TISSUES)}
    for name, mask in found.items():
        if not mask.any():
            raise InputError(
                f"{path} has no {_said(name)} on the grid of the T1w image: is it in the world "
                "coordinates of the T1w, and are its labels complete?"
            )
    signal = t1w.data > 0.05 * np.percentile(t1w.data[t1w.data > 0], 99)
    share = signal[brain].mean()
    if share < LEAST_SIGNAL:
        raise InputError(
            f"{path} and {t1w.path or 'the T1w image'} do not overlap: {100 * share:.0f} % of the "
            "segmented brain has "
            f"signal, expected at least {100 * LEAST_SIGNAL:.0f} %; give the segmentation of this T1w "
            "image, in its world coordinates."
        )
    return {**found, "brain": brain, "record": record}


def tissue_codes(given: Mapping[str, Any], box: tuple[slice, ...]) -> np.ndarray:
    """Return a segmentation as from ``read_segmentation`` in TISSUE_CODES, in a box of slices (array of uint8)."""
    codes = np.zeros(given["brain"][box].shape, np.uint8)
    for name, code in zip(TISSUES, (TISSUE_CODES[_said(name)] for name in TISSUES), strict=True):
        codes[given[name][box]] = code
    return codes


def _labels(path: str | Path) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, Any]]:
    """Return the shares of the tissues in a label image, its affine and the record."""
    volume = load_volume(path)
    if not np.isfinite(volume.data).all() or (volume.data != np.round(volume.data)).any():
        raise InputError(
            f"{path} has values that are not whole numbers; expected labels: give the label image."
        )
    labels = volume.data.astype(np.int32)
    present = [int(number) for number in np.unique(labels)]
    kind, tissue_of = _scheme(path, present)
    taken = {number: tissue_of(number) for number in present if number != 0}
    _refuse_unknown(path, kind, [number for number, tissue in taken.items() if tissue is None])
    shares = {}
    for name in TISSUES:
        numbers = [number for number, tissue in taken.items() if tissue == name]
        shares[name] = np.isin(labels, numbers).astype(np.float32)
    record = {"Kind": kind} | {
        name: [number for number, tissue in taken.items() if tissue == name] for name in (*TISSUES, "none")
    }
    return shares, volume.affine, record


def _scheme(path: str | Path, present: Sequence[int]) -> tuple[str, Callable[[int], str | None]]:
    """Return the name of the scheme that a label image follows, and the function from a label to its tissue."""
    table = _table(path)
    if table is not None:
        return "labels named in the TSV", lambda number: table.get(number)
    if max(present) > max(MIXED):
        return "FreeSurfer", lambda number: tissue_of_number(number, FREESURFER)
    return "BIDS", lambda number: tissue_of_number(number, BIDS)


def _table(path: str | Path) -> dict[int, str | None] | None:
    """Return the tissue of each number in the TSV beside a BIDS dseg, or None without one."""
    note = sidecar_path(path).with_suffix(".tsv")
    if not note.is_file():
        return None
    try:
        rows = pd.read_csv(note, sep="\t", dtype=str, keep_default_na=False)
        numbers = [int(float(number)) for number in rows["index"]]
        names = rows["name"]
    except (KeyError, ValueError, pd.errors.ParserError) as error:
        raise InputError(
            f"{note} is not a table of labels; expected the columns index and name, tab-separated."
        ) from error
    mapped = rows["mapping"] if "mapping" in rows else [""] * len(rows)
    tissues = {}
    for number, name, standard in zip(numbers, names, mapped, strict=True):
        by_standard = tissue_of_number(int(standard), BIDS) if standard.strip().isdigit() else None
        tissues[number] = by_standard or tissue_of_name(name)
    return tissues


def _refuse_unknown(path: str | Path, kind: str, unknown: Sequence[int]) -> None:
    if not unknown:
        return
    shown = ", ".join(map(str, unknown[:SHOWN])) + (", ..." if len(unknown) > SHOWN else "")
    mixed = [MIXED[number] for number in unknown if kind == "BIDS" and number in MIXED]
    why = f" ({mixed[0]} is grey and white matter)" if mixed else ""
    raise InputError(
        f"{path}: the labels {shown} are not a tissue in {kind}{why}; give FreeSurfer's numbers, or a TSV beside it "
        "with the columns index and name."
    )


def _probabilities(path: str | Path) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, Any]]:
    """Return the shares of the tissues in a 4D image of probabilities, its affine and the record."""
    series = canonical(load_series(path))
    count = series.data.shape[3]
    names = read_metadata(path).get("LabelMap")
    tissues: list[str | None]
    if names is None:
        if count != len(USUAL_ORDER):
            raise InputError(
                f"{path} has {count} volumes and no LabelMap in its JSON; expected three (grey matter, white matter, "
                "CSF), or LabelMap with the name of each."
            )
        tissues = list(USUAL_ORDER)
    else:
        tissues = [tissue_of_name(str(name)) for name in names]
        if len(tissues) != count or None in tissues:
            raise InputError(
                f"{path}: LabelMap is {names} for {count} volumes; expected the name of a tissue for each, "
                "such as CSF, GM or WM."
            )
    low, high = float(np.nanmin(series.data)), float(np.nanmax(series.data))
    if not np.isfinite(series.data).all() or low < -0.01 or high > 1.01:
        raise InputError(
            f"{path} has values from {low:g} to {high:g}; expected probabilities, 0 to 1: divide them by "
            "their maximum."
        )
    shares = {
        name: sum(
            (series.data[..., index] for index, tissue in enumerate(tissues) if tissue == name),
            np.zeros(series.data.shape[:3], np.float32),
        )
        for name in TISSUES
    }
    record = {"Kind": "probabilities", "Volumes": tissues}
    return shares, series.affine, record


def _on_grid(volume: Volume, target: Volume) -> np.ndarray:
    same = (
        volume.data.shape == target.shape and np.abs(volume.affine - target.affine).max() <= GRID_TOLERANCE_MM
    )
    return volume.data if same else resample_fraction(volume, target, []).data


def _said(name: str) -> str:
    return {"csf": "CSF", "grey": "grey matter", "white": "white matter"}[name]
