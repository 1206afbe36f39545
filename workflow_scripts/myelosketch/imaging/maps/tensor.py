"""Compute FA, RD, AD and MD from diffusion images: denoise, align and fit (weighted least squares, dipy)."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.imaging.maps.motion import (
    align_volumes,
    largest_part,
    motion_summary,
    rotate_gradients,
)
from myelosketch.intake.raw import (
    distinct_directions,
    gradient_problems,
    load_series,
    open_series,
    read_gradients,
)
from myelosketch.intake.shells import shell_values, used_volumes
from myelosketch.io.names import UNITS
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import save_volume

# a signal below this share of the brain's unweighted median is noise, and its logarithm is useless (assumed)
LEAST_SIGNAL = 1e-3
# twice that of free water at body temperature (3.0): more is a failed fit
MAX_DIFFUSIVITY = 6.0  # 1e-3 mm2/s
# 0 means outside in every map of this library: inside, a value is at least this
LEAST_VALUE = 1e-4


def fit_tensor(
    inputs: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
    *,
    denoise: str,
    motion: str,
    b_max: float,
    b0_threshold: float,
    seed: int,
) -> None:
    """Fit a tensor to one diffusion series and write its maps.

    Parameters
    ----------
    inputs : dict of paths: ``dwi`` (4D), ``bval``, ``bvec``
    outputs : dict of paths: ``raw_fa``, ``raw_rd``, ``raw_ad``, ``raw_md``, ``raw_b0``
    denoise : "none" | "patch2self" (Fadnavis 2020) | "mppca" (Veraart 2016)
    motion : "none" | "rigid" | "affine", alignment of the volumes (``align_series``)
    b_max : highest b-value that is used, s/mm2: above it the signal no longer falls as a tensor predicts
    b0_threshold : b-values up to it count as unweighted, s/mm2
    seed : int, of the alignment

    Raises
    ------
    InputError : gradients that do not fit the images, no brain
    """
    bvals, bvecs = read_gradients(inputs["bval"], inputs["bvec"])
    limits = {"b_max": b_max, "b0_threshold": b0_threshold}
    problems = gradient_problems(bvals, bvecs, open_series(inputs["dwi"]).shape[3], **limits)
    if problems:
        raise InputError(f"{inputs['dwi']} {problems[0]}")
    used = used_volumes(bvals, **limits)
    series = load_series(inputs["dwi"], np.flatnonzero(used))
    left_out = bvals[~used]
    bvals, bvecs = bvals[used], bvecs[used]
    weighted = bvals > b0_threshold
    counts = clean_signal(series.data)
    data = denoise_series(series.data, bvals, method=denoise, b0_threshold=b0_threshold)
    b0, brain, bvecs, moved = align_series(data, series.affine, bvecs, weighted, motion=motion, seed=seed)
    maps, fit_counts = tensor_maps(data, bvals, bvecs, brain, b0_threshold=b0_threshold)
    sidecar = provenance(
        sources=[inputs[name] for name in ("dwi", "bval", "bvec")],
        parameters={"denoise": denoise, "motion": motion, **limits, "fit": "WLS", "seed": seed},
        BValues=shell_values(bvals, b0_threshold),
        BValuesLeftOut=shell_values(left_out, b0_threshold),
        NumberOfDirections=distinct_directions(bvecs[weighted]),
        NumberOfVolumes=len(bvals),
        NumberOfVolumesLeftOut=len(left_out),
        NumberOfUnweightedVolumes=int((~weighted).sum()),
        VoxelCounts=counts | fit_counts,
        Motion=moved,
    )
    units = UNITS | {"MD": UNITS["AD"]}
    for name, values in maps.items():
        extra = {"Units": units[name]}
        save_volume(outputs[f"raw_{name.lower()}"], values, series.affine, sidecar=sidecar | extra)
    save_volume(outputs["raw_b0"], b0, series.affine, sidecar=sidecar | {"Units": "arbitrary"})


def clean_signal(data: np.ndarray) -> dict[str, int]:
    """Set values that cannot be a signal to 0, in place.

    Parameters
    ----------
    data : array (..., n), changed

    Returns
    -------
    dict : how many values were not finite, and how many negative
    """
    bad = ~np.isfinite(data)
    counts = {"NotFinite": int(bad.sum())}
    data[bad] = 0
    counts["Negative"] = int((data < 0).sum())
    np.maximum(data, 0, out=data)
    return counts


def denoise_series(data: np.ndarray, bvals: np.ndarray, *, method: str, b0_threshold: float) -> np.ndarray:
    """Remove thermal noise from a series, before any interpolation blurs it.

    Parameters
    ----------
    data : array (x, y, z, n)
    bvals : array (n,)
    method : "none" | "patch2self" | "mppca"
    b0_threshold : s/mm2

    Returns
    -------
    array (x, y, z, n), float32, not negative
    """
    if method == "none":
        return data
    if method == "patch2self":
        from dipy.denoise.patch2self import patch2self

        # each volume is predicted from others of its kind: a single unweighted volume has none
        several = (bvals <= b0_threshold).sum() > 1
        # in dipy 1.12, version 3 returns noise for the last volumes unless their number is a multiple of five.
        # Version 1 centres its regressors in place and so loses each volume's mean, which least squares would keep:
        # it is added again below
        settings = {"version": 1, "b0_denoising": bool(several), "shift_intensity": False}
        clean = patch2self(data, bvals, model="ols", b0_threshold=b0_threshold, **settings)
        clean += (data - clean).mean(axis=(0, 1, 2))
    else:
        from dipy.denoise.localpca import mppca

        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of patches without any signal
            clean = mppca(data, mask=data.mean(axis=-1) > 0, patch_radius=2, suppress_warning=True)
    return np.maximum(np.nan_to_num(clean), 0).astype(np.float32)


def align_series(
    data: np.ndarray,
    affine: np.ndarray,
    bvecs: np.ndarray,
    weighted: np.ndarray,
    *,
    motion: str,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Align the volumes of a series in place, and return their unweighted mean and the brain on it.

    Unweighted volumes are aligned to the first of them, weighted ones to their own mean. Registered to an unweighted
    image, whose fluid is bright where theirs is dark, weighted volumes end up to 1 mm from their true position;
    registered to their mean, 0.4 mm (measured on real images moved by known transforms). A mean displacement between
    both groups is not corrected.

    Parameters
    ----------
    data : array (x, y, z, n), changed where the head moved
    affine : (4, 4)
    bvecs : array (n, 3), as in the file
    weighted : array (n,) of bool
    motion : "none" | "rigid" | "affine"
    seed : int

    Returns
    -------
    b0 : array (x, y, z), mean of the unweighted volumes
    brain : array of bool
    bvecs : array (n, 3), turned with the head
    moved : dict for the sidecar, empty without alignment
    """
    unweighted = np.flatnonzero(~weighted)
    first = data[..., unweighted[0]].copy()
    if motion == "none":
        b0 = data[..., unweighted].mean(axis=-1)
        return b0, brain_mask(b0), bvecs, {}
    place = brain_mask(first)
    matrices = [np.eye(4) for _ in bvecs]

    def align(indices: np.ndarray, fixed: np.ndarray, kind: str) -> None:
        part = data[..., indices]
        names = [f"volume {index} of the diffusion series" for index in indices]
        found = align_volumes(part, fixed, affine, kind=kind, seed=seed, mask=place, names=names)
        data[..., indices] = part
        for index, matrix in zip(indices, found, strict=True):
            matrices[index] = matrix

    # without weighting there are no eddy currents to correct
    align(unweighted[1:], first, "rigid")
    b0 = data[..., unweighted].mean(axis=-1)
    align(np.flatnonzero(weighted), data[..., weighted].mean(axis=-1), motion)
    brain = brain_mask(b0)
    return b0, brain, rotate_gradients(bvecs, affine, matrices), motion_summary(matrices, affine, brain)


def brain_mask(b0: np.ndarray) -> np.ndarray:
    """Return the head on an unweighted image, by dipy's median filter and Otsu threshold.

    Raises
    ------
    InputError : no head is found
    """
    from dipy.segment.mask import median_otsu

    mask = largest_part(median_otsu(b0, median_radius=2, numpass=1)[1]) & (b0 > 0)
    if not mask.any():
        raise InputError("No head was found on the unweighted diffusion images: inspect the series.")
    return mask


def tensor_maps(
    data: np.ndarray, bvals: np.ndarray, bvecs: np.ndarray, brain: np.ndarray, *, b0_threshold: float
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Return FA, RD, AD and MD of a tensor fitted by weighted least squares to the logarithm of the signal.

    Parameters
    ----------
    data : array (x, y, z, n), not negative
    bvals : array (n,), s/mm2
    bvecs : array (n, 3)
    brain : array (x, y, z) of bool
    b0_threshold : s/mm2

    Returns
    -------
    maps : dict of arrays (x, y, z), float32: FA (1), RD, AD, MD (1e-3 mm2/s); 0 outside the brain
    counts : dict of int: voxels fitted, voxels without enough signal or with a failed fit, and voxels whose AD or RD
        was limited
    """
    from dipy.core.gradients import gradient_table
    from dipy.reconst.dti import TensorModel

    level = np.median(data[brain][:, bvals <= b0_threshold])
    floor = max(LEAST_SIGNAL * float(level), np.finfo(np.float32).tiny)
    inside = brain & (data[..., bvals <= b0_threshold].mean(axis=-1) > floor)
    table = gradient_table(bvals, bvecs=bvecs, b0_threshold=b0_threshold, atol=0.05)
    model = TensorModel(table, fit_method="WLS", min_signal=floor)
    fit = model.fit(data[inside].astype(np.float64))
    values = {"FA": fit.fa, "RD": fit.rd * 1e3, "AD": fit.ad * 1e3, "MD": fit.md * 1e3}
    failed = ~np.isfinite(np.stack(list(values.values()))).all(axis=0)
    beyond = ~failed & ((values["AD"] > MAX_DIFFUSIVITY) | (values["RD"] <= LEAST_VALUE))
    maps = {}
    for name, found in values.items():
        limited = np.clip(np.nan_to_num(found), LEAST_VALUE, 1 if name == "FA" else MAX_DIFFUSIVITY)
        maps[name] = np.zeros(brain.shape, np.float32)
        maps[name][inside] = np.where(failed, 0, limited)
    counts = {
        "Fitted": int((~failed).sum()),
        "WithoutSignal": int((brain & ~inside).sum() + failed.sum()),
        "Limited": int(beyond.sum()),
    }
    return maps, counts
