"""Frames of a dynamic PET from its JSON: their times after the injection, and their decay correction."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.intake.decay import decay_factors, factors_problem, half_life, is_decay_corrected
from myelosketch.io.sidecars import read_metadata
from myelosketch.io.units import pet_quantity

# a scan ends this long after the injection; another end comes from times in minutes or milliseconds, not seconds
PET_LENGTH_S = (1200.0, 6 * 3600.0)
MAX_GAP_S = 1.0
MOST = 10**300  # JSON has no limit on whole numbers
MIN_LATE_FRAMES = 3
# latest start of a series after the injection
MAX_LATE_START_S = 60.0
# a break may be as long as the scan before it if that part is at least this long, otherwise half as long. The error
# of the DVR in simulated white matter is then below 2 % (docs/method.md)
LONG_RUN_S = 25 * 60.0


@dataclass(frozen=True)
class Frames:
    """Frames of a dynamic PET.

    Attributes
    ----------
    starts : array (n,), s from the injection
    durations : array (n,), s
    decay : array (n,), correction factor of each frame for decay; None if the frames are corrected already
    unstated : dict, keys that the JSON lacks, with the values that are assumed
    """

    starts: np.ndarray
    durations: np.ndarray
    decay: np.ndarray | None
    unstated: Mapping[str, Any]

    @property
    def ends(self) -> np.ndarray:
        return self.starts + self.durations

    @property
    def breaks(self) -> list[tuple[float, float]]:
        """Return (start, end) of each gap without frames, s from the injection."""
        pairs = zip(self.ends[:-1].tolist(), self.starts[1:].tolist(), strict=True)
        return [(end, start) for end, start in pairs if start - end > MAX_GAP_S]


def read_frames(image: str | Path) -> Frames:
    """Return the frames of a dynamic PET from its JSON, as BIDS, dcm2niix or a converter of ECAT files writes it.

    Parameters
    ----------
    image : path of the series; ``FrameTimesStart``, ``InjectionStart`` and ``ScanStart`` of its JSON are in s from
        ``TimeZero``, ``FrameDuration`` is in s

    Returns
    -------
    Frames

    Raises
    ------
    InputError : keys are missing, or values have a wrong type or contradict each other; the message starts with the
        path of the image
    """
    content = read_metadata(image)
    try:
        return _frames(content)
    except InputError as error:
        raise InputError(f"{image} {error}") from error


def _frames(content: Mapping[str, Any]) -> Frames:
    since_zero, durations = (_numbers(content, key) for key in ("FrameTimesStart", "FrameDuration"))
    if since_zero.shape != durations.shape:
        raise InputError(
            f"has {since_zero.size} FrameTimesStart but {durations.size} FrameDuration in its JSON: give one of each "
            "for every frame."
        )
    if pet_quantity("", content) == "SUVR":
        raise InputError(
            "contains SUVR, according to its JSON: each frame is divided by its reference, so the time "
            "course is lost: give the activity."
        )
    injection, scan = (_number(content, key) for key in ("InjectionStart", "ScanStart"))
    if scan is not None and since_zero.size and since_zero[0] < scan - MAX_GAP_S:
        raise InputError(
            f"has a first frame at {since_zero[0]:g} s, before its ScanStart of {scan:g} s: count FrameTimesStart, "
            "ScanStart and InjectionStart of its JSON from the same TimeZero."
        )
    corrected = is_decay_corrected(content)
    unstated: dict[str, Any] = {} if injection is not None else {"InjectionStart": 0}
    unstated |= {} if corrected is not None else {"ImageDecayCorrected": True}
    decay = None
    if corrected is False:
        decay = decay_factors(since_zero, durations, half_life(content))
    elif (
        durations.min() > 0 and since_zero[-1] <= PET_LENGTH_S[1]
    ):  # otherwise the times have their own message
        problem = factors_problem(content, since_zero, durations, injection=injection, scan=scan)
        if problem:
            raise InputError(problem)
    return Frames(since_zero - (injection or 0.0), durations, decay, unstated)


def said_of_frames(frames: Frames) -> str:
    """Return what a fit uses of a series, for the table of the intake."""
    parts = [f"{len(frames.starts)} frames to {frames.ends[-1] / 60:.3g} min"]
    parts += [f"break from {begin / 60:.3g} to {end / 60:.3g} min" for begin, end in frames.breaks]
    return "; ".join([*parts, *(["decay corrected here"] if frames.decay is not None else [])])


def frame_problems(frames: Frames, n_frames: int, *, t_star_min: float, model: str = "logan") -> list[str]:
    """Return why a kinetic model cannot be fitted, as sentences without their subject.

    Parameters
    ----------
    frames : Frames
    n_frames : volumes of the image
    t_star_min : minutes after which the Logan plot is taken as linear
    model : "logan" | "srtm"

    Returns
    -------
    list of str
    """
    starts, durations, ends = frames.starts, frames.durations, frames.ends
    if len(starts) != n_frames:
        return [
            f"has {n_frames} frames, but {len(starts)} entries in FrameTimesStart of its .json file: give "
            "one for each frame."
        ]
    if not (np.isfinite(ends).all() and (durations > 0).all() and (np.diff(starts) > 0).all()):
        return ["has frame times that do not increase, or durations that are not above 0, in its .json file."]
    problems = []
    low, high = PET_LENGTH_S
    late = int((starts >= 60 * t_star_min).sum())
    if not low <= ends[-1] <= high:
        problems.append(
            f"ends {ends[-1]:g} s after the injection; expected {low:g} to {high:g}: FrameTimesStart and "
            "FrameDuration are in seconds."
        )
    elif late < MIN_LATE_FRAMES:
        problems.append(
            f"has {late} frames that start at {t_star_min:g} min or later; expected at "
            f"least {MIN_LATE_FRAMES}: lower maps.t_star_min."
        )
    if starts[0] > MAX_LATE_START_S:
        problems.append(
            f"starts {starts[0]:g} s after the injection, with which the integrals of both curves begin: give the "
            "series from its start, or a DVR map."
        )
    overlap = ends[:-1] - starts[1:]
    if overlap.size and overlap.max() > MAX_GAP_S:
        first = int(overlap.argmax())
        as_ends = np.allclose(durations[:-1], starts[1:])
        way_out = "FrameDuration holds their ends" if as_ends else "correct FrameTimesStart and FrameDuration"
        problems.append(f"has frames that overlap (by {overlap[first]:g} s, after frame {first}): {way_out}.")
        return problems
    return problems + _break_problems(frames, model)


def _break_problems(frames: Frames, model: str) -> list[str]:
    problems = []
    for begin, end in frames.breaks:
        longest = begin if begin >= LONG_RUN_S else begin / 2
        said = f"has a break from {begin / 60:.3g} to {end / 60:.3g} min"
        if model == "srtm":
            problems.append(
                f"{said}, and SRTM needs the reference curve without one, which it convolves with exponentials: set "
                "maps.dvr_model: logan."
            )
        elif end - begin > longest:
            problems.append(
                f"{said}, expected at most {longest / 60:.3g} min there: Logan's plot needs the integrals from the "
                "injection, and over a longer break the DVR may be off by more than 2 %; give a DVR map of a "
                "model of your own."
            )
    return problems


def _numbers(content: Mapping[str, Any], key: str) -> np.ndarray:
    """Return a list of numbers, (n,)."""
    value = content.get(key)
    if value in (None, "", []):
        raise InputError(f"has no {key} in its JSON: give the start and duration of each frame, s.")
    if not isinstance(value, list) or not all(_is_number(entry) for entry in value):
        raise InputError(
            f"has a {key} in its JSON that is not a list of numbers: write it like [0, 15, 30], in s."
        )
    return np.asarray(value, float)


def _number(content: Mapping[str, Any], key: str) -> float | None:
    """Return a number, or None if the JSON does not have it."""
    value = content.get(key)
    if value in (None, "", []):
        return None
    if not _is_number(value):
        raise InputError(
            f"has {key}: {value!r} in its JSON, expected a number: write s from TimeZero, like 0."
        )
    return float(value)


def _is_number(value: Any) -> bool:
    """Return whether a value is a number that a float can hold.

    NaN is allowed, because the check of the times reports it.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < MOST
    return isinstance(value, float)
