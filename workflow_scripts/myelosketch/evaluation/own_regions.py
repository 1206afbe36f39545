"""User-defined regions in a scan: the label map on the PET grid, and measured and predicted DVR of each region."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.evaluation.masks import check_prediction, scorable_labels
from myelosketch.evaluation.mni import petref_to_mni, point_matrix
from myelosketch.imaging.own_regions import (
    check_place,
    inverse_of_bend,
    labels_on_grid,
    load_labels,
    read_names,
)
from myelosketch.io.provenance import provenance
from myelosketch.io.tables import read_table, write_table
from myelosketch.io.volumes import Volume, check_same_grid, has_value, load_volume, open_image, save_volume

COLUMNS = (
    *("atlas", "index", "region", "method", "scan", "subject", "fold", "group"),
    *("mean_dvr_true", "mean_dvr_pred", "n_voxels", "coverage"),
)
# in addition to index and name, which BIDS describes
_MAP_COLUMNS = {
    "n_voxels": "Number of voxels with this label on the grid",
    "n_beyond": "Number of voxels that the label would have beyond the edge of the grid",
    "volume_ml": "Volume of n_voxels, mL",
}
# the axes of ITK's fields are left, posterior, superior
_LPS = np.array([-1.0, -1.0, 1.0])


def label_scan(
    files: Mapping[str, Any], outputs: Mapping[str, str | Path], *, space: str, threshold: float
) -> pd.DataFrame:
    """Resample a label image to the PET grid of a scan in one interpolation, and list its labels.

    Parameters
    ----------
    files : dict of paths: ``image``, the labels; optionally ``names``; ``petref``, an image on the PET grid;
        ``xfm_t1w_to_petref``; ``brain`` of the T1w; for MNI152 space also ``xfm_t1w_to_mni`` and optionally
        ``warp_mni``, without which the affine transform alone is used
    outputs : dict of paths: ``own_regions`` and ``own_regions_table``
    space : T1w or MNI152
    threshold : share of a voxel that its label must fill

    Returns
    -------
    pandas.DataFrame : the table

    Raises
    ------
    InputError : the file is not a label image, or is not in that space
    """
    labels = load_labels(files["image"])
    named = read_names(files["names"]) if files.get("names") else {}
    grid = open_image(files["petref"])
    shape, affine = grid.shape[:3], np.asarray(grid.affine, float)
    options: dict[str, Any] = {"threshold": threshold}
    used = ["xfm_t1w_to_petref"]
    if space == "T1w":
        check_place(
            labels, load_volume(files["brain"]), f"the T1w image of this scan ({Path(files['brain']).name})"
        )
        matrix = point_matrix(files["xfm_t1w_to_petref"])
    else:
        check_place(labels, _template_brain(), "the MNI152 template")
        matrix = petref_to_mni(files)
        used.append("xfm_t1w_to_mni")
        if files.get("warp_mni"):
            used.append("warp_mni")
            field, of_field = _displacement(files["warp_mni"])
            options["unbend"] = inverse_of_bend(field, of_field)
            options["reach_mm"] = float(np.sqrt((field**2).sum(axis=-1)).max())
    found = labels_on_grid(labels, shape, affine, matrix, **options)
    voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000
    table = pd.DataFrame(
        [
            {
                "index": number,
                "name": named.get(number, str(number)),
                "n_voxels": (count := int((found.data == number).sum())),
                "n_beyond": beyond,
                "volume_ml": count * voxel_ml,
            }
            for number, beyond in found.beyond.items()
        ]
    )
    names = [files["names"]] if named else []
    note = provenance(
        sources=[files["image"], *names, *(files[name] for name in used)],
        parameters={"threshold": threshold, "space": space},
        **{name: {"Description": text} for name, text in _MAP_COLUMNS.items()},
    )
    save_volume(outputs["own_regions"], found.data, affine, sidecar=note)
    write_table(table, outputs["own_regions_table"])
    return table


def _template_brain() -> Volume:
    from nilearn.datasets import (
        load_mni152_brain_mask,
    )  # takes a second, which an atlas in T1w space does not need

    image = load_mni152_brain_mask(resolution=1)
    return Volume(np.asarray(image.dataobj), np.asarray(image.affine, float), "brain of the template")


def _displacement(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a displacement field of ANTs as RAS: array (x, y, z, 3), mm, and the affine of its grid."""
    image = open_image(path)
    field = np.asarray(image.dataobj, np.float32).reshape(*image.shape[:3], 3)
    return field * _LPS.astype(np.float32), np.asarray(image.affine, float)


def score_scan(
    files: Mapping[str, Any],
    output: str | Path,
    *,
    atlases: list[str],
    methods: list[str],
    facts: Mapping[str, Any],
) -> pd.DataFrame:
    """Write the mean DVR of each region of a scan, measured and by each method.

    A voxel counts if it is in the brain, if the MRI maps and so the prediction have a value, and if the PET, where
    there is one, has a value.

    Parameters
    ----------
    files : dict of paths: ``own_regions`` and ``own_regions_table``, lists in the order of ``atlases``; ``regions``;
        optionally ``dvr``; the prediction of each method by its name
    output : path
    atlases, methods : names
    facts : dict, ``scan``, ``subject``, ``fold``, ``group``

    Returns
    -------
    pandas.DataFrame : COLUMNS. ``coverage`` is the share of the region's voxels that count; voxels beyond the field
        of view are in its denominator. Means of a region without a voxel are NaN

    Raises
    ------
    InputError, GeometryError : a prediction without a value, or images on different grids
    """
    regions = load_volume(files["regions"], dtype=np.uint8)
    measured = load_volume(files["dvr"]) if files.get("dvr") else None
    labels = regions.data
    if measured:
        check_same_grid(measured, regions)
        labels = scorable_labels(labels, measured.data)
    predicted = {method: load_volume(files[method]) for method in methods}
    for method, volume in predicted.items():
        check_same_grid(volume, regions)
        check_prediction(volume, labels, method)
    rows = []
    for atlas, path, listed in zip(atlases, files["own_regions"], files["own_regions_table"], strict=True):
        own = load_volume(path, dtype=np.int32)
        check_same_grid(own, regions)
        table = read_table(listed, numeric=("index", "n_voxels", "n_beyond"))
        numbers = table["index"].to_numpy(int)
        whole = (table["n_voxels"] + table["n_beyond"]).to_numpy(float)
        for method, volume in predicted.items():
            counted = np.where((labels > 0) & has_value(volume.data), own.data, 0)
            size = _sums(counted, None, numbers)
            true = _sums(counted, measured.data, numbers) if measured else np.full(len(numbers), np.nan)
            with np.errstate(invalid="ignore"):  # a region without a voxel
                rows.append(
                    pd.DataFrame(
                        {
                            "atlas": atlas,
                            "index": numbers,
                            "region": table["name"],
                            "method": method,
                            **facts,
                            "mean_dvr_true": true / size,
                            "mean_dvr_pred": _sums(counted, volume.data, numbers) / size,
                            "n_voxels": size.astype(int),
                            "coverage": size / whole,
                        }
                    )
                )
    result = pd.concat(rows, ignore_index=True)[list(COLUMNS)]
    write_table(result, output)
    return result


def _sums(labels: np.ndarray, values: np.ndarray | None, numbers: np.ndarray) -> np.ndarray:
    """Return the sum of an image over the voxels of each label, or their count: array (n,), float."""
    order = np.argsort(numbers)
    place = np.searchsorted(numbers[order], labels[labels > 0])
    weights = None if values is None else values[labels > 0].astype(float)
    result = np.empty(len(numbers))
    result[order] = np.bincount(place, weights, minlength=len(numbers))
    return result


def check_lists(table: pd.DataFrame) -> None:
    """Raise an error if a label has different names in different scans.

    Raises
    ------
    InputError : names the label and its names
    """
    names = table.groupby(["atlas", "index"])["region"].unique()
    for (atlas, index), found in names.items():
        if len(found) > 1:
            raise InputError(
                f"Label {index} of evaluation.atlases.{atlas} is called {' and '.join(sorted(found)[:2])} in "
                "different scans: give one table of names for all scans (key labels)."
            )
