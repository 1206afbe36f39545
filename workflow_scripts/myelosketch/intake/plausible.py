"""Check whether the values of an image fit its column of the cohort table, in the declared unit."""

from collections.abc import Sequence

import numpy as np

from myelosketch.intake.checks import Finding
from myelosketch.intake.voxels import Summary, content, flat_content_finding
from myelosketch.io.units import CONVERSIONS, Conversion, fitting_units, same_unit

# (lowest, highest) plausible 99th percentile of the voxels that are not 0, in names.UNITS
TOP = {"FA": (0.2, 1.0), "RD": (0.2, 6.0), "AD": (0.4, 6.0), "MTR": (5.0, 100.0), "DVR": (0.5, 6.0)}
# (lowest, highest) plausible median: grey matter is 1, white matter about 1.3
DVR_MEDIAN = (0.6, 1.8)
# interpolation may push single voxels beyond 1; a share above this means it is not FA
FA_SHARE_ABOVE_1 = 0.001
NEGATIVE_SHARE = 0.02
# in the middle of the head, which includes the ventricles, whose MTR is about 0
NEGATIVE_IN_HEAD = 0.1
HEAD_MM = (60.0, 400.0)
TISSUES = 3
PROBABILITY_TOLERANCE = 0.01  # interpolation overshoots
# images that no scanner or fit makes negative; noise may make a dynamic PET or a DVR negative
NOT_NEGATIVE = ("T1w", "FLAIR", "FA", "RD", "AD", "MTR", "mt_on", "mt_off", "dwi")


def image_findings(
    name: str, data: np.ndarray, summary: Summary, *, most_negative: float = NEGATIVE_SHARE
) -> list[Finding]:
    """Return findings about the voxels of a 3D image that do not depend on its unit.

    Parameters
    ----------
    name : input, except masks, which have their own checks
    data : array (x, y, z), finite
    summary : Summary of it
    most_negative : share of the voxels that may be negative
    """
    if name == "segmentation":
        return label_findings(name, data)
    flat = flat_content_finding(name, summary)
    if flat:
        return [flat]
    return [finding for finding in (negative_finding(name, data, most_negative),) if finding]


def label_findings(name: str, data: np.ndarray) -> list[Finding]:
    """Return findings about a label map, which should be whole numbers from 0, at least two of them above 0."""
    if not _are_labels(data):
        return [
            Finding(
                "not_labels", name,
                f"has values from {float(data.min()):.3g} to {float(data.max()):.3g} that are not labels, expected "
                "whole numbers from 0",
                "give the label map itself, resampled (if at all) by nearest neighbour",
            )
        ]  # fmt: skip
    found = np.unique(data[data > 0])
    if found.size > 1:
        return []
    return [
        Finding(
            "not_labels", name, f"has only the label {found[0]:g}, expected one for each tissue",
            "is it a mask? Give the segmentation",
        )
    ]  # fmt: skip


def probability_findings(name: str, shape: Sequence[int], summary: Summary) -> list[Finding]:
    """Return findings about a 4D segmentation, which should be probabilities with one volume for each tissue.

    Parameters
    ----------
    name : input
    shape : of the image, (x, y, z, n)
    summary : Summary of it
    """
    if shape[3] < TISSUES:
        return [
            Finding(
                "not_labels", name, f"has {shape[3]} volumes, expected one for each of CSF, grey and white matter",
                "give one label map, or the probabilities of all tissues",
            )
        ]  # fmt: skip
    if summary.minimum < -PROBABILITY_TOLERANCE or summary.maximum > 1 + PROBABILITY_TOLERANCE:
        return [
            Finding(
                "not_labels", name,
                f"has values from {summary.minimum:.3g} to {summary.maximum:.3g}, expected probabilities (0 to 1)",
                "divide by the largest value, if that means certainty",
            )
        ]  # fmt: skip
    return []


def _are_labels(data: np.ndarray) -> bool:
    return bool((data >= 0).all() and (data == np.round(data)).all())


def negative_finding(name: str, data: np.ndarray, most: float = NEGATIVE_SHARE) -> Finding | None:
    """Return the finding about negative values in more than a share of an image that should have none, or None."""
    if name not in NOT_NEGATIVE:
        return None
    values = content(data)
    share = float((values < 0).mean())
    if share <= most:
        return None
    return Finding(
        "negative", name, f"is negative in {share:.0%} of the voxels that are not 0",
        "export it without an offset, or clip it at 0",
    )  # fmt: skip


def unit_finding(name: str, unit: str | None, stated: str | None) -> Finding | None:
    """Return the finding about a sidecar that contradicts the configuration, or None.

    Parameters
    ----------
    name : map
    unit : declared unit (units.<name>)
    stated : unit of the sidecar as from ``units.stated_unit``
    """
    # "1" means that a value has no dimension, for DVR and for BP_ND
    if stated is None or same_unit(name, unit, stated) or (name == "DVR" and stated == "1"):
        return None
    says = f"{stated!r}" if stated else "an unknown unit"
    return Finding(
        "unit_stated", name, f"has a JSON beside it with Units {says}, but units.{name} is {unit!r}",
        f"correct units.{name} or the JSON, whichever is wrong",
    )  # fmt: skip


def quantity_finding(name: str, unit: str | None, quantity: str | None) -> Finding | None:
    """Return the finding about a PET map that is not what was declared, or None.

    Parameters
    ----------
    name : map
    unit : declared unit, of DVR: "1" for the ratio itself, "BPnd" for the binding potential
    quantity : what the map says it is, as from ``units.pet_quantity``
    """
    if name != "DVR" or quantity is None or quantity == {"1": "DVR"}.get(unit or "", unit):
        return None
    reason = f"is {'an' if quantity.startswith('S') else 'a'} {quantity}, according to its name or its JSON"
    if quantity in ("SUVR", "SUV"):
        return Finding(
            "not_dvr", name, f"{reason}; unlike a DVR it depends on blood flow and time",
            "give the DVR or BP_ND of a kinetic model, or the dynamic series in the column pet",
        )  # fmt: skip
    fitting = {"DVR": "1"}.get(quantity, quantity)
    return Finding(
        "unit_stated", name, f"{reason}, but units.DVR is {unit!r}",
        f"declare units.DVR: {fitting!r} if this is true for all scans, otherwise correct the name or the JSON",
    )  # fmt: skip


def range_findings(name: str, data: np.ndarray, unit: str) -> list[Finding]:
    """Return findings about a map's values after conversion to the workflow's unit.

    Parameters
    ----------
    name : FA, RD, AD, MTR or DVR
    data : array (x, y, z) in the declared unit
    unit : declared unit
    """
    values, convert = content(data), CONVERSIONS[name][unit]
    fits = fitting_units(
        name, lambda other: is_plausible(name, values, other) and has_level(name, values, other)
    )
    if unit in fits:
        return []
    if fits or not is_plausible(name, values, convert):
        return [_range_finding(name, values, unit, fits)]
    low, high = (convert.original(limit) for limit in DVR_MEDIAN)
    return [
        Finding(
            "dvr_level", name, f"has a median of {float(np.median(values)):.3g}, expected {low:g} to {high:g}",
            "DVR is about 1 in grey matter; is this an SUV or SUVR image, or another reference region?",
        )
    ]  # fmt: skip


def is_plausible(name: str, values: np.ndarray, convert: Conversion) -> bool:
    """Return whether the 99th percentile of a map's values (n,) is in the expected range, and FA within 0-1."""
    low, high = TOP[name]
    converted = convert.array(values)
    if name == "FA" and ((converted > 1.0).mean() > FA_SHARE_ABOVE_1 or converted.min() < -0.001):
        return False
    return bool(low <= np.percentile(converted, 99) <= high)


def has_level(name: str, values: np.ndarray, convert: Conversion) -> bool:
    """Return whether the median of a DVR map's values (n,) is in the expected range; other maps have none."""
    low, high = DVR_MEDIAN
    return name != "DVR" or bool(low <= convert.value(float(np.median(values))) <= high)


def _range_finding(name: str, values: np.ndarray, unit: str, fits: Sequence[str]) -> Finding:
    convert = CONVERSIONS[name][unit]
    if is_plausible(name, values, convert):
        limits, what, number = DVR_MEDIAN, "median", float(np.median(values))
    else:
        limits, what, number = TOP[name], "99th percentile", float(np.percentile(values, 99))
    low, high = (convert.original(limit) for limit in limits)
    reason = (
        f"has a {what} of {number:.3g} (from {values.min():.3g} to {values.max():.3g}) in the declared unit "
        f"{unit!r}, expected {low:g} to {high:g}"
    )
    if fits:
        way_out = (
            f"the values fit units.{name}: {fits[0]!r}; if this is true for all scans, declare it, otherwise "
            "convert the file"
        )
    else:
        way_out = f"the values fit no unit of {name}; is this the right file?"
    return Finding("value_range", name, reason, way_out)


def head_finding(name: str, box_mm: np.ndarray | None) -> Finding | None:
    """Return the finding about an image whose content does not have the size of a head, or None.

    Parameters
    ----------
    name : input
    box_mm : sides of the content's box, mm, (3,), or None if there is no content
    """
    low, high = HEAD_MM
    if box_mm is None or (min(box_mm) >= low and max(box_mm) <= high):
        return None
    text = " x ".join(f"{side:.0f}" for side in box_mm)
    return Finding(
        "head_size", name, f"has content of {text} mm, expected a head ({low:g} to {high:g} mm)",
        "is the whole head in the image, and are the voxel sizes right?",
    )  # fmt: skip
