"""Names of the figures of the calibration, for the study and for the module that draws them."""

FIGURES = ("histograms", "relation", "lesions", "risk", "ladder", "maps")
