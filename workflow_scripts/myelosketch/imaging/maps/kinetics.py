"""Distribution volume ratio (DVR) from dynamic PET and a reference region: Logan's plot, or the simplified model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.imaging.maps.motion import align_volumes, find_motion, head_mask, motion_summary
from myelosketch.imaging.maps.reference import reference_from_tissue
from myelosketch.imaging.maps.reference_models import logan_dvr, srtm_dvr
from myelosketch.intake.frames import Frames, frame_problems, read_frames
from myelosketch.intake.masks import load_mask
from myelosketch.intake.raw import load_series, open_series
from myelosketch.io.names import UNITS
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import Volume, check_same_grid, in_order_of, save_volume

# share of the 99th percentile of the late mean image below which there is no head (assumed)
HEAD_SHARE = 0.1
# limits inside the head: 0 means outside in every map of this library, and 6 is the limit for given maps, too
DVR_RANGE = (0.01, 6.0)
MIN_REFERENCE_VOXELS = 10


def fit_dvr(
    inputs: Mapping[str, str | Path],
    output: str | Path,
    *,
    model: str,
    t_star_min: float,
    k2_prime: float | None,
    reference: str,
    motion: str,
    seed: int,
    registration: Mapping[str, Any] | None = None,
) -> None:
    """Compute the DVR map of one dynamic PET, and write it with its sidecar.

    Parameters
    ----------
    inputs : dict of paths: ``pet`` (4D), ``json`` (its frames) and ``reference_mask``, or else ``t1w``, ``brain`` and
        ``tissue`` of the segmented T1w image
    output : path of the map
    model : "logan" | "srtm"
    t_star_min : minutes after which Logan's plot is taken as linear; motion is looked for in the same frames
    k2_prime : efflux constant of the reference region, 1/min, for Logan's plot; None leaves its term out
    reference : "mask" | "grey_matter", where the reference region comes from
    motion : "none" | "check" (measured and reported) | "correct" (late frames aligned to their mean)
    seed : int, of the alignment
    registration : dict, section of the configuration, for ``grey_matter``: how T1w is registered to the PET

    Raises
    ------
    InputError : frames that do not fit the images, no head, or a reference region that is too small or without
        activity
    """
    frames = read_frames(inputs["pet"])
    problems = frame_problems(frames, open_series(inputs["pet"]).shape[3], t_star_min=t_star_min, model=model)
    if problems:
        raise InputError(f"{inputs['pet']} {problems[0]}")
    series, starts, durations, bad = load_activity(inputs["pet"], frames)
    late = starts >= 60 * t_star_min
    head = head_mask(frame_mean(series.data, durations, late), HEAD_SHARE)
    if not head.any():
        raise InputError(f"{inputs['pet']} shows no head in its late frames: is it the dynamic series?")
    moved = follow_motion(series.data, series.affine, durations, late, head, motion=motion, seed=seed)
    mean = frame_mean(series.data, durations, late)
    region = reference_region(inputs, series, mean, reference, registration, seed)
    curve = series.data[region].mean(axis=0, dtype=np.float64)
    if not (curve[late] > 0).all():
        raise InputError(f"The reference region of {inputs['pet']} has no activity: is it in grey matter?")
    times = {"starts": starts / 60, "durations": durations / 60}
    curves = series.data[head].astype(np.float64)
    if model == "logan":
        found = logan_dvr(curves, curve, **times, t_star=t_star_min, k2_prime=k2_prime)
    else:
        found = srtm_dvr(curves, curve, **times)
    dvr, counts = dvr_map(found, head)
    used = {"k2_prime_per_min": k2_prime, "t_star_min": t_star_min} if model == "logan" else {}
    source = ["reference_mask"] if reference == "mask" else ["t1w", "brain", "tissue"]
    sidecar = provenance(
        sources=[inputs[name] for name in ("pet", "json", *source)],
        parameters={"model": model, "reference": reference, "motion": motion, "seed": seed, **used},
        Units=UNITS["DVR"],
        NumberOfFrames=len(frames.starts),
        NumberOfFramesUsed=int(late.sum()) if model == "logan" else len(starts),
        ReferenceVoxels=int(region.sum()),
        **timing_record(frames),
        VoxelCounts=counts | {"NotFinite": bad},
        Motion=moved,
    )
    save_volume(output, dvr, series.affine, sidecar=sidecar)


def load_activity(path: str | Path, frames: Frames) -> tuple[Volume, np.ndarray, np.ndarray, int]:
    """Return the frames from the injection on, corrected for decay.

    Frames that end before the injection are left out. A frame during which the tracer is injected has activity only
    after the injection, so it counts as a shorter frame from the injection on, with a proportionally higher mean.

    Returns
    -------
    series : Volume (x, y, z, n)
    starts, durations : arrays (n,), s from the injection
    bad : int, values that were not finite, now 0
    """
    used = np.flatnonzero(frames.ends > 0)
    series = load_series(path, used)
    bad = int((~np.isfinite(series.data)).sum())
    np.nan_to_num(series.data, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    starts = np.maximum(frames.starts[used], 0.0)
    durations = frames.ends[used] - starts
    factors = frames.durations[used] / durations
    if frames.decay is not None:
        factors = factors * frames.decay[used]
    np.multiply(series.data, factors.astype(np.float32), out=series.data)
    return series, starts, durations, bad


def timing_record(frames: Frames) -> dict[str, Any]:
    """Return how the times and the decay of a series were used, for the sidecar."""
    return {
        "DecayCorrectedHere": frames.decay is not None,
        "Assumed": dict(frames.unstated),
        "FramesBeforeInjection": int((frames.ends <= 0).sum()),
        "Breaks": [
            {"StartMin": begin / 60, "EndMin": end / 60, "Activity": "interpolated linearly"}
            for begin, end in frames.breaks
        ],
    }


def frame_mean(data: np.ndarray, durations: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the mean of some frames, weighted by their durations.

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
    """Return the voxels of the PET grid whose mean is the reference curve.

    Returns
    -------
    array (x, y, z) of bool

    Raises
    ------
    InputError : fewer than MIN_REFERENCE_VOXELS
    GeometryError : the mask is on another grid
    """
    frame = Volume(mean, series.affine, series.path)
    if reference == "mask":
        mask = in_order_of(load_mask(inputs["reference_mask"])[0], series.affine)
        check_same_grid(frame, mask)
        region, name = mask.data > 0, inputs["reference_mask"]
    else:
        anatomy = [inputs[name] for name in ("t1w", "brain", "tissue")]
        region = reference_from_tissue(frame, *anatomy, registration=registration or {}, seed=seed)
        name = f"The grey matter of {inputs['t1w']} on the PET grid"
    if region.sum() < MIN_REFERENCE_VOXELS:
        raise InputError(
            f"{name} has {int(region.sum())} voxels; expected at least {MIN_REFERENCE_VOXELS}: draw a larger "
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
    """Return the motion of the late frames relative to their mean, and with "correct" undo it in place.

    Frames before t* are not moved: their contrast is that of blood flow, and a registration to the late mean would
    follow the tracer, not the head.

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


def dvr_map(found: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    """Return the DVR of the head's voxels as an image: failed voxels are 0, others are limited to DVR_RANGE.

    Parameters
    ----------
    found : array (n,), DVR of the voxels of the head; not finite where the fit failed
    head : array (x, y, z) of bool

    Returns
    -------
    dvr : array (x, y, z), float32
    counts : dict of int: voxels inside, voxels that failed, and voxels that were limited
    """
    failed = ~np.isfinite(found)
    low, high = DVR_RANGE
    dvr = np.zeros(head.shape, np.float32)
    dvr[head] = np.where(failed, 0, np.clip(np.nan_to_num(found), low, high))
    limited = int((~failed & ((found < low) | (found > high))).sum())
    return dvr, {"Inside": int(head.sum()), "Failed": int(failed.sum()), "Limited": limited}
