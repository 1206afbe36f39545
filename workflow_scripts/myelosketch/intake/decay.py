"""Radioactive decay in a dynamic PET: whether it is corrected, its correction factors, and signs of an error."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.intake.checks import Finding

# s, by symbol and mass number (20.364 and 109.77 min)
HALF_LIVES_S = {"c11": 1221.8, "f18": 6586.2}
# the growth of the stated factors may differ by this share from that of the decay, because converters round times
FACTOR_TOLERANCE = 0.1
# largest difference, s, between the time that the stated factors refer to and the time in the JSON
REFERENCE_TOLERANCE_S = 120.0
# as shares of the decay rate of carbon-11. After 35 min, [11C]PIB leaves the brain at about a third of that rate
STEEP, RISE = 0.8, 0.1


def is_decay_corrected(content: Mapping[str, Any]) -> bool | None:
    """Return whether the frames of a series are corrected for decay, or None if its JSON does not state it.

    Parameters
    ----------
    content : JSON of the series: ``ImageDecayCorrected`` of BIDS, ``DecayCorrection`` of DICOM and dcm2niix

    Raises
    ------
    InputError : a value that is neither true nor false, or two that contradict each other
    """
    stated, dicom = content.get("ImageDecayCorrected"), content.get("DecayCorrection")
    found = [_from_bids(stated), _from_dicom(dicom)]
    if True in found and False in found:
        raise InputError(
            f"has ImageDecayCorrected: {str(found[0]).lower()} but DecayCorrection: {dicom} in its JSON: correct "
            "the one that is wrong."
        )
    return next((value for value in found if value is not None), None)


def _from_bids(value: Any) -> bool | None:
    if value is None or value == "" or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    if isinstance(value, str) and value.lower() == "true":  # as PET2BIDS writes it for ECAT files
        return True
    raise InputError(
        f"has ImageDecayCorrected: {value!r} in its JSON, expected true or false: write it without quotation marks."
    )


def _from_dicom(value: Any) -> bool | None:
    if value is None or value == "":
        return None
    known = {"NONE": False, "START": True, "ADMIN": True}
    if str(value).upper() not in known:
        raise InputError(
            f"has DecayCorrection: {value!r} in its JSON, expected NONE, START or ADMIN: correct it there."
        )
    return known[str(value).upper()]


def half_life(content: Mapping[str, Any]) -> float:
    """Return the half-life of a series' radionuclide, s.

    Raises
    ------
    InputError : the JSON names none of HALF_LIVES_S
    """
    found = _half_life(content)
    if found is None:
        raise InputError(
            "is not corrected for decay, according to its JSON, which names no known radionuclide "
            f"({', '.join(name.upper() for name in HALF_LIVES_S)}): give TracerRadionuclide, or correct the images."
        )
    return found


def _half_life(content: Mapping[str, Any]) -> float | None:
    text = str(content.get("TracerRadionuclide") or "").lower()
    name = "".join(re.findall("[a-z]", text))[:1] + "".join(re.findall("[0-9]", text))
    stated = content.get("RadionuclideHalfLife")  # of dcm2niix
    if name in HALF_LIVES_S:
        return HALF_LIVES_S[name]
    if isinstance(stated, bool) or not isinstance(stated, int | float) or stated <= 0:
        return None
    return float(stated)


def decay_factors(starts: np.ndarray, durations: np.ndarray, half_life_s: float) -> np.ndarray:
    """Return the factors that correct the mean activity of each frame for decay to time 0.

    Parameters
    ----------
    starts, durations : arrays (n,), s
    half_life_s : s

    Returns
    -------
    array (n,)
    """
    rate = np.log(2) / half_life_s
    with np.errstate(all="ignore"):  # for times that are refused elsewhere
        return rate * durations * np.exp(rate * starts) / -np.expm1(-rate * durations)


def factors_problem(
    content: Mapping[str, Any],
    starts: np.ndarray,
    durations: np.ndarray,
    *,
    injection: float | None,
    scan: float | None,
) -> str | None:
    """Return how the stated correction factors contradict the frame times, or None.

    Parameters
    ----------
    content : JSON of the series: ``DecayCorrectionFactor`` of BIDS, ``DecayFactor`` of dcm2niix
    starts, durations : arrays (n,), s; starts count from TimeZero
    injection, scan : s from TimeZero, or None if it is not stated
    """
    key = next((key for key in ("DecayCorrectionFactor", "DecayFactor") if content.get(key)), None)
    rate_known = _half_life(content)
    if key is None or rate_known is None:
        return None
    try:
        stated = np.asarray(content[key], float)
    except (TypeError, ValueError, OverflowError):
        return None
    if stated.shape != starts.shape or not (stated > 0).all():
        return None
    expected = decay_factors(starts, durations, rate_known)
    growth, due = stated / stated[0], expected / expected[0]
    if np.abs(np.log(growth / due)).max() > FACTOR_TOLERANCE:
        return (
            f"has a {key} that grows by {growth[-1]:.3g} from the first frame to the last, expected {due[-1]:.3g} "
            "from its times and radionuclide: either it is not corrected for decay, or its JSON has wrong times."
        )
    reference = -np.log(stated[0] / expected[0]) * rate_known / np.log(2)
    name, said = _reference_time(content, injection, scan, float(starts[0]))
    if abs(reference - said) > REFERENCE_TOLERANCE_S:
        return (
            f"has a {key} of {stated[0]:.3g} in its first frame, so it is corrected for decay to {reference:.0f} s "
            f"from TimeZero, but {name} says {said:g} s: count FrameTimesStart, ScanStart and InjectionStart of its "
            "JSON from one TimeZero."
        )
    return None


def _reference_time(
    content: Mapping[str, Any], injection: float | None, scan: float | None, first: float
) -> tuple[str, float]:
    """Return the JSON key with the time that decay is corrected to, and that time, s from TimeZero."""
    stated = content.get("ImageDecayCorrectionTime")
    if isinstance(stated, int | float) and not isinstance(stated, bool):
        return "ImageDecayCorrectionTime", float(stated)
    if str(content.get("DecayCorrection")).upper() == "ADMIN":
        return "InjectionStart", injection or 0.0
    return ("FrameTimesStart", first) if scan is None else ("ScanStart", scan)


def unstated_finding(name: str, unstated: Mapping[str, Any]) -> Finding | None:
    """Return the finding about keys that the JSON of a PET lacks, or None.

    Parameters
    ----------
    name : input
    unstated : key to the value that would be assumed
    """
    if not unstated:
        return None
    lines = ", ".join(f'"{key}": {str(value).lower()}' for key, value in unstated.items())
    return Finding(
        "pet_unstated", name, f"has a JSON without {' and '.join(unstated)}",
        f"if this is correct, add {lines} to the JSON or accept it; otherwise write the correct values",
    )  # fmt: skip


def course_finding(
    name: str, means: Sequence[float], starts: np.ndarray, late: np.ndarray, decay: np.ndarray | None
) -> Finding | None:
    """Return the finding about a series whose late frames contradict its stated decay correction, or None.

    Parameters
    ----------
    name : input
    means : mean of all voxels of each frame, (n,)
    starts : array (n,), s
    late : array (n,) of bool, frames after t*
    decay : factors of correction, (n,); None for a series that is (or is assumed to be) corrected
    """
    activity = np.asarray(means, float)[late]
    if late.sum() < 2 or not (activity > 0).all():
        return None
    if decay is not None:
        activity = activity * decay[late]
    rate = -np.polyfit(starts[late], np.log(activity), 1)[0] * HALF_LIVES_S["c11"] / np.log(2)
    if decay is None and rate > STEEP:
        return Finding(
            "pet_decay", name, f"falls in its late frames at {rate:.2g} times the rate of carbon-11's decay",
            "is it corrected for decay? If not, write ImageDecayCorrected: false into its JSON",
        )  # fmt: skip
    if decay is not None and rate < -RISE:
        return Finding(
            "pet_decay", name,
            f"rises in its late frames, by {-rate:.2g} times the rate of carbon-11's decay, once it is corrected "
            "as its JSON asks",
            "is it corrected already? If so, write ImageDecayCorrected: true into its JSON",
        )  # fmt: skip
    return None
