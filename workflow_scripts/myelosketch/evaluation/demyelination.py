"""Which lesion voxels are demyelinated: below healthy white matter by k standard deviations.

The paper classifies lesion voxels as in Bodini et al. 2016 without printing the rule; the threshold here, its
reference and its factor k are ours (docs/method.md). Mean and SD are those of the *true* PET of the controls
that train a fold, over all their white-matter voxels pooled: it is the SD between voxels, not that of the
subjects' means. One threshold serves the true and the predicted maps of every participant held out of the
fold.
"""

from pathlib import Path

import numpy as np

from myelosketch.errors import InputError
from myelosketch.evaluation.agreement import agreement
from myelosketch.evaluation.masks import check_labels
from myelosketch.names import REGION_CODES
from myelosketch.provenance import provenance, read_json, write_json
from myelosketch.volumes import check_same_grid, load_volume

REFERENCES = ("pooled",)


def fit_threshold(dvr_paths, region_paths, controls, output, *, fold, reference="pooled"):
    """Healthy-white-matter reference of a fold, from the true PET of its training controls.

    Parameters
    ----------
    dvr_paths, region_paths : lists of paths, one per control scan, in the order of ``controls``
    controls : list of str, scan names
    output : path of the JSON file
    fold : int
    reference : "pooled", mean and SD (n - 1) over the white-matter voxels of all controls together

    Returns
    -------
    dict : ``fold``, ``mean``, ``sd`` (DVR), ``n_voxels``, ``controls``, ``reference``, ``note``; mean and sd
    are None, with the reason as ``note``, if the fold trains on no control

    Raises
    ------
    InputError : unknown reference, or no white-matter voxel with a DVR in the controls
    GeometryError : a control's DVR and regions lie on different grids
    """
    if reference not in REFERENCES:
        raise InputError(f"evaluation.reference is {reference!r}; expected one of {', '.join(REFERENCES)}.")
    values = [white_matter_values(dvr, regions) for dvr, regions in zip(dvr_paths, region_paths, strict=True)]
    content = {"fold": int(fold), "mean": None, "sd": None, "n_voxels": 0, "controls": list(controls)}
    content |= {"reference": reference, "note": None}
    if not values:
        content["note"] = "no control among the training scans of this fold"
    else:
        pooled = np.concatenate(values)
        if pooled.size < 2:
            raise InputError(
                f"The training controls of fold {fold} ({', '.join(controls)}) have {pooled.size} "
                "white-matter voxels with a DVR; expected at least 2: look at their region maps."
            )
        content |= pooled_reference(pooled)
    sources = [*dvr_paths, *region_paths]
    write_json(output, provenance(sources=sources, parameters={"reference": reference}, **content))
    return content


def pooled_reference(values):
    """Mean and SD (n - 1) of healthy white-matter voxels, array (n,): dict ``mean``, ``sd``, ``n_voxels``."""
    return {"mean": float(values.mean()), "sd": float(values.std(ddof=1)), "n_voxels": int(values.size)}


def white_matter_values(dvr_path, region_path):
    """DVR of the healthy-white-matter voxels of one control.

    Parameters
    ----------
    dvr_path, region_path : paths

    Returns
    -------
    float64 array (n,), finite values only

    Raises
    ------
    InputError : the region map holds an unknown code
    GeometryError : the two lie on different grids
    """
    dvr = load_volume(dvr_path)
    regions = load_volume(region_path, dtype=np.int16)
    check_same_grid(dvr, regions)
    check_labels(regions)
    values = dvr.data[regions.data == REGION_CODES["nawm"]].astype(float)
    return values[np.isfinite(values)]


def read_threshold(path):
    """Reference written by :func:`fit_threshold`; mean and sd are NaN where there was no control.

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


def threshold_dvr(reference, k):
    """DVR below which a lesion voxel is demyelinated: mean - k·SD of healthy white matter.

    Parameters
    ----------
    reference : dict with ``mean`` and ``sd``
    k : float

    Returns
    -------
    float, NaN without a reference
    """
    return reference["mean"] - k * reference["sd"]


def demyelinated_mask(dvr, lesion, threshold):
    """Lesion voxels with a DVR below the threshold.

    Parameters
    ----------
    dvr : float array (x, y, z)
    lesion : boolean array (x, y, z)
    threshold : float, DVR; NaN marks nothing

    Returns
    -------
    boolean array (x, y, z), False outside lesions
    """
    mask = np.zeros(lesion.shape, bool)
    mask[lesion] = dvr[lesion] < threshold
    return mask


def score_demyelination(predicted, measured, reference, ks):
    """Agreement of predicted with true demyelination over a patient's lesion voxels, for every k.

    Parameters
    ----------
    predicted, measured : float arrays (n,), DVR of the lesion voxels
    reference : dict with ``mean`` and ``sd`` of healthy white matter
    ks : list of float

    Returns
    -------
    list of dict, one per k: ``k``, ``n_lesion_voxels`` and the entries of :func:`agreement`; without a
    reference (no training control) all but ``n_lesion_voxels`` are NaN
    """
    rows = []
    for k in ks:
        threshold = threshold_dvr(reference, k)
        if np.isfinite(threshold):
            scores = agreement(measured < threshold, predicted < threshold, -np.asarray(predicted))
        else:
            scores = dict.fromkeys(agreement([], [], []), np.nan)
        rows.append({"k": k, "n_lesion_voxels": int(np.size(measured))} | scores)
    return rows
