"""Distribution volume ratio (DVR) from dynamic PET and a reference region: Logan's plot, or the simplified model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import lfilter

from myelosketch.errors import InputError
from myelosketch.imaging.maps.motion import align_volumes, find_motion, head_mask, motion_summary
from myelosketch.imaging.maps.reference import reference_from_tissue
from myelosketch.intake.raw import frame_problems, load_series, read_frames
from myelosketch.io.names import UNITS
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import Volume, check_same_grid, load_volume, save_volume

# share of the 99th percentile of the late mean image below which there is no head (ours)
HEAD_SHARE = 0.1
# 0 means outside in every map of this library; the other limit is that of the check of given maps
DVR_RANGE = (0.01, 6.0)
# efflux constants of the basis functions, 1/min, and their number (Gunn 1997 spans 0.006-0.6)
BASIS_RANGE = (0.005, 0.6)
N_BASIS = 100
BASIS_STEP_MIN = 1 / 60
MIN_REFERENCE_VOXELS = 10


def fit_dvr(
    inputs: Mapping[str, str | Path],
    out: str | Path,
    *,
    model: str,
    t_star_min: float,
    k2_prime: float | None,
    reference: str,
    motion: str,
    seed: int,
    registration: Mapping[str, Any] | None = None,
) -> None:
    """DVR map of one dynamic PET, written with its sidecar.

    Parameters
    ----------
    inputs : dict of paths: ``pet`` (4D), ``json`` (its frames) and ``reference_mask``, or else ``t1w``, ``brain`` and
        ``tissue`` of the segmented T1w image
    out : path of the map
    model : "logan" | "srtm"
    t_star_min : minutes after which Logan's plot is taken as linear; also where motion is looked for
    k2_prime : efflux constant of the reference region, 1/min, for Logan's plot; None leaves its term out
    reference : "mask" | "grey_matter", where the reference region comes from
    motion : "none" | "check" (measured and reported) | "correct" (late frames aligned to their mean)
    seed : int, of the alignment
    registration : dict, section of the configuration, for ``grey_matter``: how T1w is registered to the PET

    Raises
    ------
    InputError : frames that do not fit the images, an empty reference region or one without activity
    """
    starts, durations = read_frames(inputs["json"])
    series = load_series(inputs["pet"])
    problems = frame_problems(starts, durations, series.shape[3], t_star_min=t_star_min)
    if problems:
        raise InputError(f"{inputs['pet']} {problems[0]}")
    bad = int((~np.isfinite(series.data)).sum())
    np.nan_to_num(series.data, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    late = starts >= 60 * t_star_min
    head = head_mask(frame_mean(series.data, durations, late), HEAD_SHARE)
    if not head.any():
        raise InputError(f"{inputs['pet']} shows no head in its late frames: is it the dynamic series?")
    moved = follow_motion(series.data, series.affine, durations, late, head, motion=motion, seed=seed)
    mean = frame_mean(series.data, durations, late)
    region = reference_region(inputs, series, mean, reference, registration, seed)
    curve = series.data[region].mean(axis=0, dtype=np.float64)
    if not (curve[late] > 0).all():
        raise InputError(
            f"The reference region of {inputs['pet']} has no activity: does it lie in grey matter?"
        )
    times = {"starts": starts / 60, "durations": durations / 60}
    curves = series.data[head].astype(np.float64)
    if model == "logan":
        found = logan_dvr(curves, curve, **times, t_star=t_star_min, k2_prime=k2_prime)
    else:
        found = srtm_dvr(curves, curve, **times)
    dvr, counts = dvr_map(found, head)
    used = {"k2_prime_per_min": k2_prime, "t_star_min": t_star_min} if model == "logan" else {}
    source = ["reference_mask"] if reference == "mask" else ["t1w", "tissue"]
    sidecar = provenance(
        sources=[inputs[name] for name in ("pet", "json", *source)],
        parameters={"model": model, "reference": reference, "motion": motion, "seed": seed, **used},
        Units=UNITS["DVR"],
        NumberOfFrames=len(starts),
        NumberOfFramesUsed=int(late.sum()) if model == "logan" else len(starts),
        ReferenceVoxels=int(region.sum()),
        VoxelCounts=counts | {"NotFinite": bad},
        Motion=moved,
    )
    save_volume(out, dvr, series.affine, sidecar=sidecar)


def frame_mean(data: np.ndarray, durations: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mean of some frames, weighted by their durations.

    Parameters
    ----------
    data : array (x, y, z, n)
    durations : array (n,)
    chosen : array (n,) of bool

    Returns
    -------
    array (x, y, z), float32
    """
    return np.average(data[..., chosen], axis=-1, weights=durations[chosen]).astype(np.float32)


def reference_region(
    inputs: Mapping[str, str | Path],
    series: Volume,
    mean: np.ndarray,
    reference: str,
    registration: Mapping[str, Any] | None,
    seed: int,
) -> np.ndarray:
    """Voxels of the PET grid whose mean is the reference curve.

    Returns
    -------
    array (x, y, z) of bool

    Raises
    ------
    InputError : fewer than MIN_REFERENCE_VOXELS
    GeometryError : the mask lies on another grid
    """
    frame = Volume(mean, series.affine, series.path)
    if reference == "mask":
        mask = load_volume(inputs["reference_mask"])
        check_same_grid(frame, mask)
        region, name = mask.data > 0, inputs["reference_mask"]
    else:
        anatomy = [inputs[name] for name in ("t1w", "brain", "tissue")]
        region = reference_from_tissue(frame, *anatomy, registration=registration or {}, seed=seed)
        name = f"The grey matter of {inputs['t1w']} on the PET grid"
    if region.sum() < MIN_REFERENCE_VOXELS:
        raise InputError(
            f"{name} holds {int(region.sum())} voxels; expected at least {MIN_REFERENCE_VOXELS}: draw a larger "
            "reference region."
        )
    return region


def follow_motion(
    data: np.ndarray,
    affine: np.ndarray,
    durations: np.ndarray,
    late: np.ndarray,
    head: np.ndarray,
    *,
    motion: str,
    seed: int,
) -> dict[str, Any]:
    """Motion of the late frames against their mean; corrected in place if asked for.

    Frames before t* are left where they are: their contrast is that of blood flow, and a registration to the late
    mean would follow the tracer, not the head.

    Returns
    -------
    dict for the sidecar, empty without a check
    """
    if motion == "none":
        return {}
    mean, frames = frame_mean(data, durations, late), np.flatnonzero(late)
    names = [f"frame {index} of the PET" for index in frames]
    if motion == "correct":
        part = data[..., frames]
        settings: dict[str, Any] = {"kind": "rigid", "seed": seed, "mask": head, "names": names}
        matrices = align_volumes(part, mean, affine, **settings)
        data[..., frames] = part
    else:
        matrices = [
            find_motion(mean, data[..., index], affine, kind="rigid", seed=seed, mask=head, name=name)
            for index, name in zip(frames, names, strict=True)
        ]
    return {"Frames": frames, **motion_summary(matrices, affine, head)}


def integrals(curves: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """Integral of each curve from the injection to the middle of each frame.

    Parameters
    ----------
    curves : array (..., n), mean activity of each frame
    durations : array (n,)

    Returns
    -------
    array (..., n)
    """
    areas = curves * durations
    return np.cumsum(areas, axis=-1) - areas / 2


def logan_dvr(
    curves: np.ndarray,
    reference: np.ndarray,
    *,
    starts: np.ndarray,
    durations: np.ndarray,
    t_star: float,
    k2_prime: float | None = None,
) -> np.ndarray:
    """DVR as the slope of the reference plot (Logan et al., J Cereb Blood Flow Metab 1996).

    Integral of the voxel over its activity against that of the reference (plus its activity / k2') over the voxel's
    activity, from t* on. The term with k2' can be left out where the ratio of both curves changes little after t*.

    Parameters
    ----------
    curves : array (n_voxels, n_frames), mean activity of each frame
    reference : array (n_frames,)
    starts, durations : arrays (n_frames,), min
    t_star : min
    k2_prime : efflux constant of the reference region, 1/min, or None

    Returns
    -------
    array (n_voxels,); NaN where the voxel has no activity in a late frame
    """
    late = starts >= t_star
    tissue = curves[:, late]
    usable = np.all(tissue > 0, axis=1)
    tissue = np.where(usable[:, None], tissue, 1.0)
    area = integrals(reference, durations)[late]
    if k2_prime:
        area = area + reference[late] / k2_prime
    x, y = area / tissue, integrals(curves, durations)[:, late] / tissue
    x = x - x.mean(axis=1, keepdims=True)
    spread = (x * x).sum(axis=1)
    usable &= spread > 0
    slope = (x * y).sum(axis=1) / np.where(usable, spread, 1.0)
    return np.where(usable, slope, np.nan)


def srtm_dvr(
    curves: np.ndarray, reference: np.ndarray, *, starts: np.ndarray, durations: np.ndarray
) -> np.ndarray:
    """DVR of the simplified reference tissue model by basis functions (Gunn et al., NeuroImage 1997).

    C(t) = R1 Cr(t) + (k2 - R1 k2a) Cr(t) * exp(-k2a t), with k2a = k2 / DVR. For each k2a of a grid both factors
    follow from linear least squares, weighted by the frames' durations; the best k2a of each voxel is kept.

    Parameters
    ----------
    curves : array (n_voxels, n_frames), mean activity of each frame
    reference : array (n_frames,)
    starts, durations : arrays (n_frames,), min

    Returns
    -------
    array (n_voxels,); NaN where the voxel has no activity
    """
    weights = np.sqrt(durations / durations.sum())
    target = curves * weights
    best = np.full(len(curves), -np.inf)
    dvr = np.full(len(curves), np.nan)
    for rate, basis in zip(*basis_functions(reference, starts, durations), strict=True):
        design = np.stack([reference, basis], axis=1) * weights[:, None]
        q, r = np.linalg.qr(design)
        projected = target @ q
        explained = (projected**2).sum(axis=1)  # the larger, the smaller the residual
        factors = np.linalg.solve(r, projected.T)
        better = explained > best
        best[better] = explained[better]
        dvr[better] = (factors[0] + factors[1] / rate)[better]
    return np.where((curves > 0).any(axis=1), dvr, np.nan)


def basis_functions(
    reference: np.ndarray, starts: np.ndarray, durations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The reference curve convolved with exponentials, averaged over the frames.

    Parameters
    ----------
    reference : array (n,), mean activity of each frame
    starts, durations : arrays (n,), min

    Returns
    -------
    rates : array (N_BASIS,), 1/min
    basis : array (N_BASIS, n)
    """
    ends = starts + durations
    time = np.arange(0, ends[-1] + BASIS_STEP_MIN, BASIS_STEP_MIN)
    fine = np.interp(time, np.concatenate([[0], starts + durations / 2]), np.concatenate([[0], reference]))
    rates = np.geomspace(*BASIS_RANGE, N_BASIS)
    basis = np.empty((N_BASIS, len(starts)))
    for row, rate in enumerate(rates):
        decay = np.exp(-rate * BASIS_STEP_MIN)
        # the trapezoidal rule for a convolution with an exponential is a filter of one step's memory
        half = BASIS_STEP_MIN / 2
        convolved = lfilter([half, half * decay], [1, -decay], fine)
        area = np.concatenate([[0], np.cumsum((convolved[1:] + convolved[:-1]) * half)])
        basis[row] = (np.interp(ends, time, area) - np.interp(starts, time, area)) / durations
    return rates, basis


def dvr_map(found: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    """DVR of the head's voxels as an image; what failed is 0, what is impossible is limited.

    Returns
    -------
    dvr : array (x, y, z), float32
    counts : dict of int
    """
    failed = ~np.isfinite(found)
    low, high = DVR_RANGE
    dvr = np.zeros(head.shape, np.float32)
    dvr[head] = np.where(failed, 0, np.clip(np.nan_to_num(found), low, high))
    limited = int((~failed & ((found < low) | (found > high))).sum())
    return dvr, {"Inside": int(head.sum()), "Failed": int(failed.sum()), "Limited": limited}
