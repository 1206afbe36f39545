"""Demyelinated lesion voxels: those more than k standard deviations below the mean of healthy white matter.

The paper classifies lesion voxels as in Bodini et al. 2016 without printing the rule. The threshold here, its
reference and its factor k are our choice (docs/method.md). Mean and SD come from the *true* PET of the training
controls of a fold, over all their white-matter voxels together. The SD is that between voxels, not that of the
subjects' means. One threshold is used for the true and the predicted maps of every participant held out of the fold.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.evaluation.agreement import agreement
from myelosketch.evaluation.masks import check_labels
from myelosketch.evaluation.mni import petref_to_mni
from myelosketch.evaluation.reference import GRID_AFFINE, GRID_SHAPE, local_reference, white_matter_moments
from myelosketch.io.names import REGION_CODES
from myelosketch.io.provenance import provenance, read_json, write_json
from myelosketch.io.volumes import Volume, check_same_grid, has_value, load_volume, save_volume


def fit_threshold(
    files: Mapping[str, Sequence[str | Path]],
    controls: Sequence[str],
    outputs: Mapping[str, str | Path],
    *,
    fold: int,
    fwhm_mm: float,
) -> dict[str, Any]:
    """Compute the healthy-white-matter reference of a fold from the true PET of its training controls.

    The reference is written pooled (two numbers) and voxelwise (two maps).

    Parameters
    ----------
    files : dict of lists of paths, one per control scan in the order of ``controls``: ``dvr``, ``regions``,
        ``xfm_t1w_to_petref``, ``xfm_t1w_to_mni``
    controls : list of str, scan names
    outputs : dict of paths: ``threshold`` (JSON), ``reference_mean`` and ``reference_sd`` (maps in MNI152 space)
    fold : int
    fwhm_mm : width of the neighbourhood of the voxelwise reference

    Returns
    -------
    dict : ``fold``, ``mean``, ``sd`` (n - 1; DVR) over the white-matter voxels of all controls together,
    ``n_voxels``, ``controls``, ``note``. If the fold trains on no control, mean and sd are None, ``note`` holds the
    reason, and the maps are 0

    Raises
    ------
    InputError : the controls have fewer than two white-matter voxels with a DVR
    GeometryError : DVR and regions of a control have different grids
    """
    values, moments = [], np.zeros((3, *GRID_SHAPE))
    for dvr_path, region_path, *route in zip(*(files[key] for key in _PER_CONTROL), strict=True):
        dvr, regions = _read_control(dvr_path, region_path)
        values.append(white_matter_values(dvr, regions))
        moments += white_matter_moments(
            dvr, regions, petref_to_mni(dict(zip(_PER_CONTROL[2:], route, strict=True)))
        )
    content: dict[str, Any] = {
        "fold": int(fold),
        "mean": None,
        "sd": None,
        "n_voxels": 0,
        "controls": list(controls),
    }
    content["note"] = None
    mean = sd = known = np.zeros(GRID_SHAPE)
    if not values:
        content["note"] = "no control among the training scans of this fold"
    else:
        pooled = np.concatenate(values)
        if pooled.size < 2:
            raise InputError(
                f"The training controls of fold {fold} ({', '.join(controls)}) have {pooled.size} "
                "white-matter voxels with a DVR; expected at least 2: check their region maps."
            )
        content |= pooled_reference(pooled)
        mean, sd, known = local_reference(moments, content, fwhm_mm)
    sources = [path for key in _PER_CONTROL for path in files[key]]
    settings: dict[str, Any] = {"sources": sources, "parameters": {"reference_fwhm_mm": fwhm_mm}}
    write_json(outputs["threshold"], provenance(**settings, **content))
    settings |= {"Space": "MNI152", "Units": "1", "Fold": int(fold), "KnownVoxels": int(known.sum())}
    for name, data in (("reference_mean", mean), ("reference_sd", sd)):
        save_volume(outputs[name], data, GRID_AFFINE, sidecar=provenance(**settings))
    return content


_PER_CONTROL = ("dvr", "regions", "xfm_t1w_to_petref", "xfm_t1w_to_mni")


def _read_control(dvr_path: str | Path, region_path: str | Path) -> tuple[Volume, Volume]:
    """Load and check the DVR and regions of one control."""
    dvr = load_volume(dvr_path)
    regions = load_volume(region_path, dtype=np.int16)
    check_same_grid(dvr, regions)
    check_labels(regions)
    return dvr, regions


def pooled_reference(values: np.ndarray) -> dict[str, Any]:
    """Return ``mean``, ``sd`` (n - 1) and ``n_voxels`` of healthy white-matter voxels, array (n,), as a dict."""
    return {"mean": float(values.mean()), "sd": float(values.std(ddof=1)), "n_voxels": int(values.size)}


def white_matter_values(dvr: Volume, regions: Volume) -> np.ndarray:
    """Return the DVR of the measured healthy-white-matter voxels of one control: float64 array (n,)."""
    values = dvr.data[regions.data == REGION_CODES["nawm"]].astype(float)
    return values[has_value(values)]


def read_threshold(path: str | Path) -> dict[str, Any]:
    """Read the reference that :func:`fit_threshold` wrote. Mean and sd are NaN if there was no control.

    Parameters
    ----------
    path : path of ``threshold.json``

    Returns
    -------
    dict

    Raises
    ------
    InputError : the file is absent, is not JSON or lacks an entry
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist: run the rule fit_threshold first.")
    try:
        content = read_json(path)
        numbers = {key: np.nan if content[key] is None else float(content[key]) for key in ("mean", "sd")}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a threshold file ({error!r}): delete it and run again.") from error
    return content | numbers


def threshold_dvr(reference: Mapping[str, Any], k: float) -> float | np.ndarray:
    """Return the DVR below which a lesion voxel is demyelinated: mean - k·SD of healthy white matter.

    Parameters
    ----------
    reference : dict with ``mean`` and ``sd``: numbers (pooled), or arrays (voxelwise)
    k : float

    Returns
    -------
    float or array, NaN without a reference
    """
    return reference["mean"] - k * reference["sd"]


def reference_of(reference: Mapping[str, Any], mask: np.ndarray) -> dict[str, float | np.ndarray]:
    """Restrict the reference to the voxels of a mask: ``mean`` and ``sd``, numbers or arrays (n,)."""
    return {name: v[mask] if np.ndim(v := reference[name]) else v for name in ("mean", "sd")}


def demyelinated_mask(dvr: np.ndarray, lesion: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Return the lesion voxels with a DVR below the threshold.

    Parameters
    ----------
    dvr : float array (x, y, z)
    lesion : boolean array (x, y, z)
    threshold : float or array (x, y, z), DVR. No voxel is below NaN

    Returns
    -------
    boolean array (x, y, z), False outside lesions
    """
    return lesion & (dvr < threshold)


def score_demyelination(
    predicted: np.ndarray, measured: np.ndarray, reference: Mapping[str, Any], ks: Iterable[float]
) -> list[dict[str, float]]:
    """Compare predicted with true demyelination over a patient's lesion voxels, for every k.

    Parameters
    ----------
    predicted, measured : float arrays (n,), DVR of the lesion voxels
    reference : dict with ``mean`` and ``sd`` of healthy white matter, numbers or arrays (n,)
    ks : list of float

    Returns
    -------
    list of dict, one per k: ``k``, ``n_lesion_voxels`` and the entries of :func:`agreement`; without a
    reference (no training control) all but ``n_lesion_voxels`` are NaN
    """
    rows = []
    scores = demyelination_score(predicted, reference)
    for k in ks:
        threshold = threshold_dvr(reference, k)
        if np.isfinite(threshold).all():
            row = agreement(measured < threshold, predicted < threshold, scores)
        else:
            row = dict.fromkeys(agreement([], [], []), np.nan)
        rows.append({"k": k, "n_lesion_voxels": int(np.size(measured))} | row)
    return rows


def demyelination_score(dvr: np.ndarray, reference: Mapping[str, Any]) -> np.ndarray:
    """Return how far voxels are below healthy white matter, in SDs. This orders them for ROC curves, for every k.

    Parameters
    ----------
    dvr : float array (n,); reference : dict with ``mean`` and ``sd``, numbers or arrays (n,)

    Returns
    -------
    float array (n,). With one reference for all voxels the order is that of the DVR, reversed
    """
    if np.ndim(reference["mean"]):
        return (reference["mean"] - dvr) / reference["sd"]
    return -np.asarray(dvr, float)
