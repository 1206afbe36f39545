"""Names as readers see them, each said once; imports nothing heavy, so that the rules may use it."""

from myelosketch import names

METHOD_NAMES = {
    "pet": "True PET",
    "template": "Control-mean template",
    "ridge": "Ridge (linear)",
    "dnn2": "2-layer DNN (Li 2014)",
    "unet": "U-Net, L1",
    "unetroi": "U-Net, ROI-weighted L1",
    "sketcher": "Sketcher (single cGAN)",
    "refiner": "Refiner (Wei 2018)",
    "rescan": "Rescan (second PET)",
    "noisefree": "Noise-free truth",
    "visible": "Visible to MRI",
}
# for panels of 1.5 inches
SHORT_NAMES = {
    "pet": "True",
    "template": "Template",
    "ridge": "Ridge",
    "dnn2": "2-layer DNN",
    "unet": "U-Net L1",
    "unetroi": "U-Net ROI",
    "sketcher": "Sketch",
    "refiner": "Refined",
    "rescan": "Rescan",
    "noisefree": "Noise-free",
    "visible": "Visible",
}
REGION_NAMES = {"brain": "Brain", "lesion": "Lesions", "nawm": "NAWM", "hcwm": "HC WM", "other": "Other"}


def method_name(method, *, short=False):
    """Display name of a method, ceiling or the true PET; an unknown one keeps its own name."""
    return (SHORT_NAMES if short else METHOD_NAMES).get(method, str(method))


def region_name(region):
    """Display name of a region; an unknown one keeps its own name."""
    return REGION_NAMES.get(region, str(region))


def cohort_words(simulated):
    """What every title says about the data: they are simulated, or they are the user's."""
    return "simulated cohort" if simulated else "measured cohort"


def ladder_order(methods):
    """Methods from simple to refined, unknown ones after them, ceilings last."""
    known = [*names.METHODS, *names.CEILINGS]
    extra = sorted(set(methods) - set(known))
    order = [*names.METHODS, *extra, *names.CEILINGS]
    return [method for method in order if method in set(methods)]
