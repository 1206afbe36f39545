"""The image of a dynamic PET that shows the anatomy: the mean of its early frames, which depict blood flow."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from myelosketch.errors import InputError
from myelosketch.imaging.maps.kinetics import HEAD_SHARE, frame_mean
from myelosketch.imaging.maps.motion import align_volumes, find_motion, head_mask, motion_summary
from myelosketch.intake.frames import frame_problems, read_frames
from myelosketch.intake.raw import load_series, open_series
from myelosketch.io.provenance import provenance
from myelosketch.io.sidecars import read_metadata
from myelosketch.io.volumes import save_volume

# a head that has moved further since the early frames puts every map into the wrong voxels of the DVR (assumed)
MOST_MOTION_MM = 3.0


def average_early_frames(
    inputs: Mapping[str, str | Path],
    output: str | Path,
    *,
    window_min: Sequence[float],
    t_star_min: float,
    motion: str,
    seed: int,
) -> None:
    """Write the mean of the early frames, weighted by their durations, on the grid of the PET, aligned with its DVR.

    The DVR comes from the late frames. If the head has moved in between, the early mean is not aligned with it. The
    motion from the late mean to the early one is measured (rigid, mutual information) and, with "correct", undone.

    Parameters
    ----------
    inputs : dict of paths: ``pet`` (4D) and ``json`` (its frames)
    output : path
    window_min : (first, last), minutes after the injection between which the middle of a frame must lie
    t_star_min : minutes after which frames count as late
    motion : "none" | "check" (measured, in the sidecar) | "correct" (the early mean is aligned to the late one)
    seed : int, of the alignment

    Raises
    ------
    InputError : frames that do not fit the image, no frame in the window, an image without a head, or with "check" a
        head that has moved by more than MOST_MOTION_MM
    """
    pet = inputs["pet"]
    frames = read_frames(pet)
    starts, durations = frames.starts, frames.durations
    problems = frame_problems(frames, open_series(pet).shape[3], t_star_min=t_star_min)
    if problems:
        raise InputError(f"{pet} {problems[0]}")
    early, late = early_frames(starts, durations, window_min, pet), starts >= 60 * t_star_min
    used = np.flatnonzero(early | late)
    series = load_series(pet, used)
    np.nan_to_num(series.data, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    if frames.decay is not None:
        np.multiply(series.data, frames.decay[used].astype(np.float32), out=series.data)
    mean, anchor = (frame_mean(series.data, durations[used], part[used]) for part in (early, late))
    head = head_mask(anchor, HEAD_SHARE)
    if not (head.any() and mean[head].any()):
        raise InputError(f"{pet} shows no head in its early or late frames: is it the dynamic series?")
    mean, moved = follow_head(mean, anchor, series.affine, head, motion=motion, seed=seed)
    if motion == "check" and moved["MeanDisplacementMm"] > MOST_MOTION_MM:
        raise InputError(
            f"The head moved by {moved['MeanDisplacementMm']:.1f} mm between the early and the late frames of {pet}, "
            "so the MRI maps would not match the DVR: set maps.pet_motion to correct."
        )
    units = read_metadata(pet).get("Units")
    sidecar = provenance(
        sources=[pet, inputs["json"]],
        parameters={
            "window_min": list(window_min),
            "t_star_min": t_star_min,
            "motion": motion,
            "seed": seed,
        },
        **({"Units": units} if units else {}),
        Frames=np.flatnonzero(early),
        DecayCorrectedHere=frames.decay is not None,
        FrameTimesStart=starts[early],
        FrameDuration=durations[early],
        Motion=moved,
    )
    save_volume(output, mean, series.affine, sidecar=sidecar)


def early_frames(
    starts: np.ndarray, durations: np.ndarray, window_min: Sequence[float], name: str | Path
) -> np.ndarray:
    """Return the frames with their middle in the window.

    Parameters
    ----------
    starts, durations : arrays (n,), s
    window_min : (first, last), min
    name : of the series, for errors

    Returns
    -------
    array (n,) of bool

    Raises
    ------
    InputError : there is none, or the window does not end after its start
    """
    first, last = window_min
    middle = (starts + durations / 2) / 60
    chosen = (middle >= first) & (middle <= last)
    end = (starts[-1] + durations[-1]) / 60
    if first >= last:
        raise InputError(
            f"maps.early_window_min is [{first:g}, {last:g}]; the first minute must come before the last one."
        )
    if first >= end:
        raise InputError(
            f"{name} ends after {end:g} min, before the early frames begin ({first:g} min): lower "
            "maps.early_window_min."
        )
    if not chosen.any():
        raise InputError(
            f"{name} has no frame with its midpoint between {first:g} and {last:g} min: widen maps.early_window_min."
        )
    return chosen


def follow_head(
    mean: np.ndarray, late: np.ndarray, affine: np.ndarray, head: np.ndarray, *, motion: str, seed: int
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the early mean, aligned with the late one if ``motion`` is "correct", and the motion between them.

    Parameters
    ----------
    mean, late : arrays (x, y, z), means of the early and of the late frames
    affine : (4, 4)
    head : array of bool, in the late mean
    motion, seed : see ``average_early_frames``

    Returns
    -------
    array (x, y, z)
    dict for the sidecar, empty without a check; in simulated scans with voxels of 3 mm its error is up to .2 mm
    """
    name = "the mean of the early PET frames"
    if motion == "none":
        return mean, {}
    if motion == "correct":
        part = mean[..., None].copy()
        matrices = align_volumes(part, late, affine, kind="rigid", seed=seed, mask=head, names=[name])
        mean = part[..., 0]
    else:
        matrices = [find_motion(late, mean, affine, kind="rigid", seed=seed, mask=head, name=name)]
    found = motion_summary(matrices, affine, head)
    return mean, {key: found[key][0] for key in ("MeanDisplacementMm", "RotationDegrees")}
