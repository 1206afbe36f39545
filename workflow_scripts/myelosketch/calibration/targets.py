"""Ranges of the literature for the cohort, and the verdict on a measured value."""

from dataclasses import dataclass

import numpy as np

QUANTITIES = ("FA", "RD", "AD", "MTR", "DVR")
# what is compared: a mean, its difference from reference white matter, or the SD between participants
ABSOLUTE, PERCENT, POINTS, SPREAD = "absolute", "percent", "points", "sd"

INSIDE, OUTSIDE = "inside", "outside"

TISSUE_NAMES = {
    "hc_white": "white matter, controls",
    "nawm": "NAWM",
    "lesion": "T2 lesions",
    "black_hole": "black holes",
    "cortex": "cortex",
    "csf": "CSF",
}

MTR_SOURCE = "Loevner 1995; 3 T tables of JNNP"
DTI_SOURCE = "recalled from DTI literature, not verified"
DVR_SOURCE = "florbetapir: controls 1.29 ± .08, NAWM 1.25 ± .10, lesions 1.08 ± .12; PIB recalled"


@dataclass(frozen=True)
class Target:
    """Range of a value of the cohort, ``low`` to ``high``, both included.

    ``tissue`` is hc_white, nawm, lesion, black_hole, cortex or csf. ``kind`` says what the value is: ABSOLUTE, the
    mean; PERCENT or POINTS, the difference from the reference (controls' white matter for ``nawm``, the patient's
    NAWM for ``lesion``); or SPREAD, the SD between participants.
    """

    tissue: str
    quantity: str
    low: float
    high: float
    source: str
    kind: str = ABSOLUTE

    def verdict(self, value: float) -> str:
        """Return INSIDE or OUTSIDE; a value that is not finite is outside."""
        return INSIDE if np.isfinite(value) and self.low <= value <= self.high else OUTSIDE


TARGETS = (
    Target("hc_white", "FA", 0.40, 0.48, DTI_SOURCE),
    Target("hc_white", "RD", 0.50, 0.62, DTI_SOURCE),
    Target("hc_white", "AD", 1.05, 1.25, DTI_SOURCE),
    Target("hc_white", "MTR", 40, 43, MTR_SOURCE),
    Target("hc_white", "DVR", 1.26, 1.29, DVR_SOURCE),
    # literature: .08; in 80 % of cohorts of 10 from a population with that SD, the SD is in the band (chi; assumed)
    Target("hc_white", "DVR", 0.054, 0.102, DVR_SOURCE, SPREAD),
    Target("nawm", "FA", -8, -2, DTI_SOURCE, PERCENT),
    Target("nawm", "RD", 3, 8, DTI_SOURCE, PERCENT),
    Target("nawm", "AD", -3, 3, "about equal (literature); the width is assumed", PERCENT),
    Target("nawm", "MTR", -3, -1, MTR_SOURCE, POINTS),
    Target("nawm", "DVR", -4, -1, DVR_SOURCE, PERCENT),
    Target("lesion", "FA", 0.25, 0.35, DTI_SOURCE),
    Target("lesion", "RD", 0.80, 1.00, DTI_SOURCE),
    Target("lesion", "AD", 1.25, 1.50, DTI_SOURCE),
    Target("lesion", "MTR", 28, 36, MTR_SOURCE),
    Target("lesion", "DVR", 1.05, 1.10, DVR_SOURCE),
    Target("lesion", "DVR", -18, -14, DVR_SOURCE, PERCENT),
    Target("black_hole", "FA", 0.15, 0.25, DTI_SOURCE),
    Target("black_hole", "RD", 1.10, 1.50, DTI_SOURCE),
    Target("black_hole", "AD", 1.50, 1.90, DTI_SOURCE),
    Target("black_hole", "MTR", 15, 25, MTR_SOURCE),
    Target("cortex", "FA", 0.12, 0.20, DTI_SOURCE),
    Target("cortex", "RD", 0.75, 0.85, DTI_SOURCE),
    Target("cortex", "AD", 0.95, 1.05, DTI_SOURCE),
    Target("cortex", "MTR", 29, 33, MTR_SOURCE),
    Target("cortex", "DVR", 0.95, 1.05, "grey matter is the reference; the width is assumed"),
    Target("csf", "FA", 0.0, 0.1, DTI_SOURCE),
    Target("csf", "RD", 2.8, 3.1, "free water at 37 °C is 3.0; the width is assumed"),
    Target("csf", "AD", 2.8, 3.2, "free water at 37 °C is 3.0; the width is assumed"),
    Target("csf", "MTR", 0, 5, MTR_SOURCE),
)
