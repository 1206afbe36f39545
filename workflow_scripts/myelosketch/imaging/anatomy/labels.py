"""Which tissue each label of a segmentation is: FreeSurfer's and SynthSeg's numbers, BIDS' numbers and names."""

import re
from collections.abc import Mapping

# Numbers of FreeSurferColorLUT: aseg, aparc+aseg (both parcellations), wmparc; SynthSeg uses the same. The brain stem
# counts as white matter and the ventral diencephalon as grey: both are mixed, and the latter holds nuclei.
FREESURFER = {
    "csf": {4, 5, 14, 15, 24, 31, 43, 44, 63, 72, 213, 221, 257},
    "grey": {
        3,
        42,
        8,
        47,
        9,
        10,
        11,
        12,
        13,
        17,
        18,
        19,
        20,
        26,
        27,
        28,
        48,
        49,
        50,
        51,
        52,
        53,
        54,
        55,
        56,
        58,
        59,
    }
    | {60, 80, 81, 82, 96, 97, 172}
    | set(range(1000, 1036))
    | set(range(2000, 2036))
    | set(range(11100, 11176))
    | set(range(12100, 12176)),
    "white": {
        2,
        41,
        7,
        46,
        16,
        77,
        78,
        79,
        170,
        173,
        174,
        175,
        177,
        192,
        219,
        223,
        250,
        251,
        252,
        253,
        254,
        255,
    }
    | {5001, 5002, 690, 691}
    | set(range(3000, 3036))
    | set(range(4000, 4036))
    | set(range(13100, 13176))
    | set(range(14100, 14176)),
    # vessels, optic chiasm, skull, face, what was not decided
    "none": {0, 1, 6, 29, 30, 40, 45, 61, 62, 85, 118, 119, 120, 121, 122, 165, 258, 259},
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
    """Tissue that a label's name says: "csf", "grey", "white", "none" (not brain), or None if it says nothing."""
    return next((tissue for tissue, pattern in NAMES if re.search(pattern, name.lower())), None)


def tissue_of_number(number: int, table: Mapping[str, set[int]]) -> str | None:
    """Tissue of a label in FREESURFER or BIDS, or None."""
    return next((tissue for tissue, numbers in table.items() if number in numbers), None)
