"""The tissue of each label of a segmentation, by FreeSurfer's numbers, by those of BIDS or by name."""

import re
from collections.abc import Mapping

# Numbers of FreeSurferColorLUT: aseg, aparc+aseg (both parcellations), wmparc; FastSurfer, SynthSeg and SAMSEG use
# the same. The brain stem counts as white matter and the ventral diencephalon as grey: both are mixed, and the latter
# contains nuclei. Lesions (25, 57, SAMSEG's 99) and hypointensities count as white matter.
FREESURFER = {
    "csf": {4, 5, 14, 15, 24, 31, 43, 44, 63, 72, 213, 221, 257},
    "grey": {3, 42, *range(8, 14), 17, 18, 19, 20, 26, 27, 28, *range(47, 57), 58, 59, 60}
    | {80, 81, 82, 96, 97, 172}
    | {*range(1000, 1036), *range(2000, 2036), *range(11100, 11176), *range(12100, 12176)},
    "white": {2, 41, 7, 46, 16, 25, 57, 77, 78, 79, 86, 99, 170, 173, 174, 175, 177, 178, 192, 219, 223}
    | {*range(250, 256), 5001, 5002, 690, 691}
    | {*range(3000, 3036), *range(4000, 4036), *range(13100, 13176), *range(14100, 14176)},
    # vessels, optic chiasm, skull, face, air, undetermined voxels
    "none": {0, 1, 6, 29, 30, 40, 45, 61, 62, 85, *range(118, 123), 130, 165, 258, 259},
}
# "Common image-derived labels" of the BIDS specification; lesions count as white matter
BIDS = {"csf": {3}, "grey": {1, 8, 9}, "white": {2, 7, 10}, "none": {0, 4, 5, 6}}
# BIDS' label 11, the cerebellum, is grey and white matter
MIXED = {11: "cerebellum"}
# in this order: "white" decides before "cerebellum", "cortex" before "cerebral"
NAMES = (
    (
        "none",
        r"background|unknown|\bbg\b|vessel|chiasm|skull|\bbone\b|soft.?tissue|non.?brain|scalp|\bair\b|exterior|undetermined",
    ),
    ("csf", r"csf|cerebro.?spinal|ventricle|inf.?lat.?vent|choroid|fluid"),
    (
        "white",
        r"white|\bwm\b|^wm|callosum|hypointensit|fornix|brain.?stem|\bbs\b|pons|medulla|midbrain|lesion|^l$|fimbria|^cc_",
    ),
    (
        "grey",
        r"gr[ae]y|\b[cs]?gm\b|cortex|ctx|thalam|caudate|putamen|pallid|hippocamp|amygdal|accumbens|ventral.?dc|"
        r"diencephalon|nigra|nucle|insula|operculum|basal.?ganglia",
    ),
)


def tissue_of_name(name: str) -> str | None:
    """Return the tissue that a label's name states: "csf", "grey", "white" or "none" (not brain); None if unknown."""
    return next((tissue for tissue, pattern in NAMES if re.search(pattern, name.lower())), None)


def tissue_of_number(number: int, table: Mapping[str, set[int]]) -> str | None:
    """Return the tissue of a label in FREESURFER or BIDS, or None."""
    return next((tissue for tissue, numbers in table.items() if number in numbers), None)
