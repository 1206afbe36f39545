"""The three regions of the refiner's loss and of every score, as one label map on petref."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt

from myelosketch.errors import InputError
from myelosketch.imaging.registration.fractions import read_fractions, read_lesion_source
from myelosketch.io.names import REGION_CODES
from myelosketch.io.provenance import provenance
from myelosketch.io.tables import read_table, write_table
from myelosketch.io.volumes import Volume, check_same_grid, has_value, load_volume, save_volume

# steps by which white matter becomes "other", in this order
STEPS = ("hyperintense", "perilesional", "eroded")
# a mask that fills a larger share of all white matter is wrong (assumed; the largest of 30 measured lesion loads,
# 53 mL, is .1)
MOST_LESION = 0.5
# columns of the table beside the regions, as the sidecar describes them
TABLE_COLUMNS = {
    "n_voxels": "voxels of the region on the PET grid",
    "volume_ml": "volume of the region, mL",
    "n_hyperintense": "white-matter voxels excluded from the region because of a control's hyperintensities",
    "n_perilesional": "white-matter voxels excluded from the region as part of the shell around lesions",
    "n_eroded": "white-matter voxels excluded from the region by the erosion",
    "lesion_source": "mask (given), flair (segmented on it) or none",
    "n_without_dvr": "voxels of the region without a measured DVR",
}


def make_regions(
    fractions: str | Path,
    outputs: Mapping[str, str | Path],
    *,
    threshold: float,
    perilesional_mm: float,
    white_erosion_mm: float,
    control: bool = False,
    dvr: str | Path | None = None,
) -> pd.DataFrame:
    """Write the label map of one scan and its table of volumes.

    The regions do not depend on the PET. Voxels without a measured DVR keep their label, because a prediction needs
    no DVR, but every comparison with the PET leaves them out (``io.volumes.has_value``). The table counts them.

    Parameters
    ----------
    fractions : path of the tissues on petref, as ``fractions.write_fractions`` wrote them
    outputs : dict of paths: ``regions``, ``regions_table``
    threshold, perilesional_mm, white_erosion_mm, control : see ``label_regions``
    dvr : path of the measured DVR on petref, None without PET

    Returns
    -------
    pandas.DataFrame : the table

    Raises
    ------
    InputError : unreadable fractions, no brain, lesions as large as the white matter, or no white matter left
    GeometryError : the DVR is on another grid
    """
    tissue, affine = read_fractions(fractions)
    grid = Volume(tissue["brain"], affine)
    labels, moved = label_regions(
        **{name: tissue[name] for name in ("brain", "white", "lesion")},
        voxel_size=grid.voxel_size,
        threshold=threshold,
        perilesional_mm=perilesional_mm,
        white_erosion_mm=white_erosion_mm,
        control=control,
    )
    table = region_volumes(labels, moved, grid.voxel_volume).assign(
        lesion_source=read_lesion_source(fractions), n_without_dvr=without_dvr(labels, affine, dvr)
    )
    check_volumes(table, Path(fractions).name)
    parameters = {
        "threshold": threshold,
        "perilesional_mm": perilesional_mm,
        "white_erosion_mm": white_erosion_mm,
    }
    note: dict[str, Any] = {"Labels": {"outside": 0, **REGION_CODES}}
    note |= {name: {"Description": text} for name, text in TABLE_COLUMNS.items()}
    if control:
        volume = round(moved["hyperintense"] * grid.voxel_volume / 1000, 6)
        note["HyperintensitiesOfControl"] = {
            "Label": REGION_CODES["other"], "n_voxels": moved["hyperintense"], "volume_ml": volume,
        }  # fmt: skip
    sidecar = provenance(sources=[fractions, *([dvr] if dvr else [])], parameters=parameters, **note)
    save_volume(outputs["regions"], labels, affine, sidecar=sidecar)
    write_table(table, outputs["regions_table"])
    return table


def without_dvr(labels: np.ndarray, affine: np.ndarray, dvr: str | Path | None) -> list[int] | None:
    """Return the number of voxels without a measured DVR in each region of REGION_CODES, or None without PET.

    Raises
    ------
    GeometryError : the DVR is not on the grid of the labels
    """
    if dvr is None:
        return None
    measured = load_volume(dvr)
    check_same_grid(measured, Volume(labels, affine, "its region map"))
    unknown = ~has_value(measured.data)
    return [int((unknown & (labels == code)).sum()) for code in REGION_CODES.values()]


def label_regions(
    *,
    brain: np.ndarray,
    white: np.ndarray,
    lesion: np.ndarray,
    voxel_size: np.ndarray,
    threshold: float,
    perilesional_mm: float,
    white_erosion_mm: float = 0.0,
    control: bool = False,
) -> tuple[np.ndarray, dict[str, int]]:
    """Label each voxel: 0 outside, 1 other, 2 normal-appearing or healthy white matter, 3 lesion.

    Distances are measured between the centres of voxels, so a distance smaller than a voxel has no effect.

    Parameters
    ----------
    brain, white, lesion : arrays (x, y, z), fraction of each voxel, 0-1; white includes lesions
    voxel_size : mm, (3,)
    threshold : lowest fraction with which a voxel counts as brain, white matter or lesion
    perilesional_mm : white matter within this distance of a lesion voxel becomes "other" (the blur of the PET
        reaches it; our choice, docs/method.md)
    white_erosion_mm : white matter within this distance of a voxel that is neither white matter nor lesion, in the
        brain or outside, becomes "other" too
    control : bool, ``lesion`` holds the white-matter hyperintensities of a control: they become "other", neither
        healthy white matter nor lesion

    Returns
    -------
    labels : array of uint8
    moved : dict of int, voxels of white matter that became "other": ``hyperintense`` (of a control),
        ``perilesional`` and, beyond those, ``eroded``
    """
    is_lesion = lesion >= threshold
    labels = np.where(brain >= threshold, REGION_CODES["other"], 0).astype(np.uint8)
    labels[(white >= threshold) & (brain >= threshold)] = REGION_CODES["nawm"]
    not_white = (labels < REGION_CODES["nawm"]) & ~is_lesion
    labels[is_lesion] = REGION_CODES["other" if control else "lesion"]
    moved = {"hyperintense": int(is_lesion.sum()) if control else 0}
    for step, source, width in (
        ("perilesional", is_lesion, perilesional_mm),
        ("eroded", not_white, white_erosion_mm),
    ):
        near = within(source, width, voxel_size) & (labels == REGION_CODES["nawm"])
        labels[near] = REGION_CODES["other"]
        moved[step] = int(near.sum())
    return labels, moved


def within(mask: np.ndarray, distance: float, voxel_size: np.ndarray) -> np.ndarray:
    """Return the voxels with a centre within a distance (mm) of the centre of a voxel of the mask; none for 0.

    Returns
    -------
    array of bool
    """
    if not (mask.any() and distance > 0):
        return np.zeros(mask.shape, bool)
    return distance_transform_edt(~mask, sampling=voxel_size) <= distance + 1e-6


def region_volumes(labels: np.ndarray, moved: Mapping[str, int], voxel_volume: float) -> pd.DataFrame:
    """Return voxels and millilitres per region, and how many voxels each step moved into it.

    Parameters
    ----------
    labels, moved : see ``label_regions``
    voxel_volume : mm³

    Returns
    -------
    pandas.DataFrame : ``index``, ``name``, ``n_voxels``, ``volume_ml`` and for each of STEPS ``n_hyperintense``, ...
    """
    rows = []
    for name, code in REGION_CODES.items():
        count = int((labels == code).sum())
        gained = {f"n_{step}": number if name == "other" else 0 for step, number in moved.items()}
        rows.append(
            {
                "index": code,
                "name": name,
                "n_voxels": count,
                "volume_ml": count * voxel_volume / 1000,
                **gained,
            }
        )
    return pd.DataFrame(rows)


def check_volumes(table: pd.DataFrame, name: str) -> None:
    """Raise an error if a scan has no brain, lesions that are too large, or no white matter left beside them.

    Parameters
    ----------
    table : of ``region_volumes``
    name : what the fractions are called in an error

    Raises
    ------
    InputError : one of these; the message names the likely cause
    """
    counts = table.set_index("name")["n_voxels"]
    spots, shell, eroded = (int(table[f"n_{step}"].sum()) for step in STEPS)
    if not counts.sum():
        raise InputError(
            f"{name}: no PET voxel contains brain; do the T1w image and the PET show the same head (see "
            "their registration), and is regions.threshold low enough?"
        )
    lesion = counts["lesion"] + spots
    white = counts["nawm"] + lesion + shell + eroded
    if lesion > MOST_LESION * white:
        volume = lesion * table["volume_ml"].sum() / counts.sum()
        raise InputError(
            f"{name}: lesions have {volume:.1f} mL, {100 * lesion / white:.0f} % of the white matter, expected at "
            f"most {100 * MOST_LESION:.0f} %: is it a lesion mask and not a brain mask, is it 0 outside "
            "lesions, and is lesion_space correct?"
        )
    if not counts["nawm"]:
        spotted = f", {spots} in hyperintensities of a control" if spots else ""
        raise InputError(
            f"{name}: no normal-appearing or healthy white matter is left ({shell} voxels are around lesions, "
            f"{eroded} near other tissue{spotted}); lower regions.perilesional_mm, regions.white_erosion_mm or "
            "regions.threshold."
        )


def gather_volumes(paths: Iterable[str | Path], groups: Mapping[str, str], output: str | Path) -> None:
    """Write one table of the regions of all scans.

    Its columns are scan, group, region, n_voxels, volume_ml, lesion_source and n_without_dvr.

    Parameters
    ----------
    paths : list of paths of the tables of :func:`make_regions`, one per scan
    groups : dict, scan to group, in the order of the paths
    output : path
    """
    tables = [
        read_table(path, numeric=True).assign(scan=scan, group=group)
        for path, (scan, group) in zip(paths, groups.items(), strict=True)
    ]
    table = pd.concat(tables, ignore_index=True).rename(columns={"name": "region"})
    write_table(
        table[["scan", "group", "region", "n_voxels", "volume_ml", "lesion_source", "n_without_dvr"]], output
    )
