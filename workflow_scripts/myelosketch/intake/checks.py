"""The checks of the intake, by name: what each finds and how severe it is."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from myelosketch.errors import InputError

OK, SUSPICIOUS, REFUSED = "ok", "suspicious", "refused"

# a refused scan must be left out; it cannot be accepted, because the workflow cannot use the file
REFUSALS = {
    "missing_file": "a file that the scan needs does not exist",
    "extension": "the name does not end in .nii or .nii.gz (.mgz is fine for lesion masks and segmentations)",
    "not_gzip": "the name and the content disagree about compression",
    "unreadable": "the file, its NIfTI header or the JSON beside it cannot be read",
    "truncated": "the voxels end too early or do not decompress",
    "dimensions": "4D instead of 3D, or 3D instead of 4D (trailing axes of length 1 are fine)",
    "voxel_type": "complex or colour voxels",
    "affine": "no valid affine: its determinant is 0 or not a number",
    "sheared": "axes that are not at right angles",
    "not_finite": "NaN or infinite voxels; in a DVR map infinite ones only",
    "empty": "every voxel is 0 (a lesion mask may be: no lesions)",
    "constant": "all voxels that are not 0 are equal",
    "sidecar": "JSON of an image that is not UTF-8, not JSON, or too large",
    "unit_stated": "the JSON or the name of the file states another unit than the configuration",
    "not_dvr": "a map of SUV or SUVR, by its name or JSON, instead of DVR",
    "value_range": "values that cannot be in the declared unit",
    "swapped": "AD lies below RD, or mt_on above mt_off, in most of the brain",
    "not_binary": "a mask whose values are neither one number besides 0, nor probabilities, nor (of lesions) labels",
    "not_labels": "a segmentation with neither labels nor tissue probabilities",
    "not_lesions": "a lesion mask that fills more than 40 % of the brain, as no white matter does",
    "repeated": "one image under two inputs of a scan, whatever its name, number type or scale",
    "inconsistent": "FA that does not follow from AD and RD, as if one of the three came from elsewhere",
    "grids": "images of one acquisition, or a mask and the image it was drawn on, on different grids",
    "gradients": "b-values or directions that do not determine a tensor",
    "frames": "frame times that do not describe the PET series",
    "same_file": "one image under two participants",
    "transform": "a given transform that cannot be read, or that is not a head motion",
}
# a suspicious scan stops the run until cohort.accept names the check, or cohort.exclude the scan
SUSPICIONS = {
    "no_orientation": "neither sform nor qform is set: left and right are not known",
    "header_forms": "sform and qform place the image more than 0.1 mm apart",
    "handedness": "sform and qform disagree about left and right",
    "voxel_size": "a voxel side below 0.2 or above 10 mm, or one more than 6 times another",
    "length_unit": "the header gives lengths in another unit than mm",
    "head_size": "the content is smaller or larger than a head",
    "negative": "negative values where none are expected",
    "ad_below_rd": "AD lies below RD in a relevant share of the brain",
    "dvr_level": "the median DVR is not near 1: an SUV or SUVR image?",
    "pet_unstated": "the JSON of a PET does not state the injection time, or whether decay is corrected",
    "pet_decay": "the late frames of a PET contradict the decay correction stated in its JSON",
    "lesion_volume": "lesions fill more than 20 % of the brain",
    "apart": "an image does not overlap the T1w in space, or a lesion mask in MNI152 space is outside its brain",
    "mirrored": "an image fits the T1w better with left and right swapped",
    "link_outside": "a link leads out of the dataset's folder",
    "same_session": "one T1w under two sessions",
}
CHECKS = {name: REFUSED for name in REFUSALS} | {name: SUSPICIOUS for name in SUSPICIONS}
_GRAVITY = (REFUSED, SUSPICIOUS, OK)


class Finding(NamedTuple):
    """What one check found: ``reason`` completes "<scan>: <input> (<file>) ...", ``way_out`` says what to do."""

    check: str
    input: str
    reason: str
    way_out: str

    @property
    def verdict(self) -> str:
        return CHECKS[self.check]


def is_accepted(check: str, scan: str, accept: Mapping[str, Collection[str]]) -> bool:
    """Return whether the configuration accepts a suspicion: ``cohort.accept`` by scan, or under ``all``."""
    named = {*accept.get(scan, ()), *accept.get("all", ())}
    return CHECKS[check] == SUSPICIOUS and check in named


def check_accept(
    accept: Mapping[str, object],
    scans: Collection[str],
    *,
    key: str = "cohort.accept",
    also: Sequence[str] = ("all",),
) -> None:
    """Raise an error if a setting that accepts findings names scans that are not in the cohort.

    Parameters
    ----------
    accept : dict, scan to what is accepted
    scans : names of the cohort's scans
    key : name of the setting, for the message
    also : further names that the setting accepts

    Raises
    ------
    InputError : a scan is unknown; the message names all of them
    """
    strangers = sorted(set(accept) - set(scans) - set(also))
    if strangers:
        raise InputError(
            f"{key} names {', '.join(strangers)}, which the cohort does not have: use names such as "
            f"{' or '.join([min(scans, default='sub-01'), *also])}."
        )


def worst(verdicts: Iterable[str]) -> str:
    """Return the most severe of some verdicts; ok if there are none."""
    return min([*verdicts, OK], key=_GRAVITY.index)


def sentence(scan: str, file: str, finding: Finding) -> str:
    """Return the line for the user, such as ``sub-01: MTR (mtr.nii) is not compressed: name it .nii.``"""
    return f"{scan}: {finding.input} ({file}) {finding.reason}: {ended(finding.way_out)}"


def ended(text: str) -> str:
    """Return a sentence with its full stop, unless it is a question."""
    return text if text.endswith("?") else f"{text}."
