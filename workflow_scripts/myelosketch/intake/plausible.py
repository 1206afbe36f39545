"""Whether the values of an image can be what the cohort table says they are, in the unit declared for them."""

from collections.abc import Sequence

import numpy as np

from myelosketch.intake.checks import Finding
from myelosketch.intake.voxels import Summary, content, flat_content_finding
from myelosketch.io.units import fitting_units, same_unit

# (lowest, highest) plausible 99th percentile of the voxels that are not 0, in names.UNITS
TOP = {"FA": (0.2, 1.0), "RD": (0.2, 6.0), "AD": (0.4, 6.0), "MTR": (5.0, 100.0), "DVR": (0.5, 6.0)}
# (lowest, highest) plausible median: grey matter is 1, white matter about 1.3
DVR_MEDIAN = (0.6, 1.8)
# interpolation may push single voxels beyond 1; a share above this means it is not FA
FA_SHARE_ABOVE_1 = 0.001
NEGATIVE_SHARE = 0.02
# in the middle of the head, where the ventricles are, whose MTR is about 0
NEGATIVE_IN_HEAD = 0.1
HEAD_MM = (60.0, 400.0)
MASKS = ("lesion_mask", "reference_mask")
TISSUES = 3
PROBABILITY_TOLERANCE = 0.01  # interpolation overshoots
# images that no scanner or fit makes negative; a dynamic PET and a DVR may be, by noise
NOT_NEGATIVE = ("T1w", "FLAIR", "FA", "RD", "AD", "MTR", "mt_on", "mt_off", "dwi")


def image_findings(
    name: str,
    data: np.ndarray,
    summary: Summary,
    group: str | None,
    *,
    most_negative: float = NEGATIVE_SHARE,
) -> list[Finding]:
    """Findings about the voxels of a 3D image, whatever its unit.

    Parameters
    ----------
    name : input
    data : array (x, y, z), finite
    summary : Summary of it
    group : MS, HC, or None where it is not known
    most_negative : share of the voxels that may be negative
    """
    if name in MASKS:
        return mask_findings(name, data, group)
    if name == "segmentation":
        return label_findings(name, data)
    flat = flat_content_finding(name, summary)
    if flat:
        return [flat]
    return [finding for finding in (negative_finding(name, data, most_negative),) if finding]


def mask_findings(name: str, data: np.ndarray, group: str | None) -> list[Finding]:
    """Findings about a mask: binary (lesions may be numbered), not empty in a patient, empty in a control.

    Without a group (a new scan that a model predicts) a lesion mask may be either.
    """
    control = name == "lesion_mask" and group == "HC"
    if control and data.any():
        return [
            Finding(
                "mask_of_control", name, "shows lesions of a control",
                "leave it blank, or correct the group",
            )
        ]  # fmt: skip
    numbered = name == "lesion_mask"
    if not (_are_labels(data) if numbered else np.isin(data, (0, 1)).all()):
        high = float(data.max())
        form = "a mask of 0 and 1, or a number for each lesion" if numbered else "a mask of 0 and 1"
        return [
            Finding(
                "not_binary", name, f"is not binary (values from {float(data.min()):.3g} to {high:.3g})",
                f"give {form}, for example by a threshold on the probability map",
            )
        ]  # fmt: skip
    if data.any() or control or (name == "lesion_mask" and group is None):
        return []
    if name == "lesion_mask":
        way_out = "a patient without lesions cannot be scored; leave the scan out"
    else:
        way_out = "draw the reference region, or set maps.reference: grey_matter"
    return [Finding("empty", name, "is empty", way_out)]


def label_findings(name: str, data: np.ndarray) -> list[Finding]:
    """Findings about a map of labels: whole numbers from 0, more than one of them besides 0."""
    if not _are_labels(data):
        return [
            Finding(
                "not_labels", name,
                f"holds values from {float(data.min()):.3g} to {float(data.max()):.3g} that are no labels, expected "
                "whole numbers from 0",
                "give the label map itself, resampled (if at all) by nearest neighbour",
            )
        ]  # fmt: skip
    found = np.unique(data[data > 0])
    if found.size > 1:
        return []
    return [
        Finding(
            "not_labels", name, f"holds the label {found[0]:g} alone, expected one for each tissue",
            "is it a mask? Give the segmentation",
        )
    ]  # fmt: skip


def probability_findings(name: str, shape: Sequence[int], summary: Summary) -> list[Finding]:
    """Findings about a 4D segmentation: a volume of probabilities for each of at least three tissues.

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
                f"holds values from {summary.minimum:.3g} to {summary.maximum:.3g}, expected probabilities (0 to 1)",
                "divide by the largest, if that is certainty",
            )
        ]  # fmt: skip
    return []


def _are_labels(data: np.ndarray) -> bool:
    return bool((data >= 0).all() and (data == np.round(data)).all())


def negative_finding(name: str, data: np.ndarray, most: float = NEGATIVE_SHARE) -> Finding | None:
    """The finding about more than a share of negative values in an image that should have none, or None."""
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
    """The finding about a sidecar that disagrees with the configuration, or None.

    Parameters
    ----------
    name : map
    unit : declared unit (units.<name>)
    stated : unit of the sidecar as from ``units.stated_unit``
    """
    if stated is None or same_unit(name, unit, stated):
        return None
    says = f"{stated!r}" if stated else "a unit that is not known here"
    return Finding(
        "unit_stated", name, f"has a JSON beside it whose Units says {says}, but units.{name} is {unit!r}",
        f"correct units.{name} or the JSON, whichever is wrong",
    )  # fmt: skip


def range_findings(name: str, data: np.ndarray, unit: str, factor: float) -> list[Finding]:
    """Findings about a map's values once they are in our unit.

    Parameters
    ----------
    name : FA, RD, AD, MTR or DVR
    data : array (x, y, z) in the declared unit
    unit : declared unit
    factor : what brings it to ``names.UNITS``
    """
    values = content(data)
    if not is_plausible(name, values, factor):
        return [_range_finding(name, values, unit, factor)]
    median = float(np.median(values))
    low, high = DVR_MEDIAN
    if name == "DVR" and not low <= median <= high:
        return [
            Finding(
                "dvr_level", name, f"has a median of {median:.3g}, expected {low:g} to {high:g}",
                "DVR is about 1 in grey matter; is this an SUV image, or another reference region?",
            )
        ]  # fmt: skip
    return []


def is_plausible(name: str, values: np.ndarray, factor: float) -> bool:
    """Whether the 99th percentile of a map's values (n,) lies where it should, and FA within 0-1."""
    low, high = TOP[name]
    scaled = values * factor
    if name == "FA" and ((scaled > 1.0).mean() > FA_SHARE_ABOVE_1 or scaled.min() < -0.001):
        return False
    return bool(low <= np.percentile(scaled, 99) <= high)


def _range_finding(name: str, values: np.ndarray, unit: str, factor: float) -> Finding:
    low, high = TOP[name]
    top = float(np.percentile(values, 99))
    reason = (
        f"has a 99th percentile of {top:.3g} (from {values.min():.3g} to {values.max():.3g}) in the declared unit "
        f"{unit!r}, expected {low / factor:g} to {high / factor:g}"
    )
    fits = fitting_units(name, lambda other: is_plausible(name, values, other))
    if fits:
        way_out = f"the values fit units.{name}: {fits[0]!r}; if all scans are so, declare it, else convert the file"
    else:
        way_out = f"they fit no unit of {name}; is this the right file?"
    return Finding("value_range", name, reason, way_out)


def head_finding(name: str, box_mm: np.ndarray | None) -> Finding | None:
    """The finding about an image whose content has not the size of a head, or None.

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
        "head_size", name, f"shows something of {text} mm, expected a head ({low:g} to {high:g} mm)",
        "is the whole head in the image, and are the voxel sizes right?",
    )  # fmt: skip
