"""Names that readers see. The module imports nothing heavy, so that the rules can use it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from myelosketch.io import names
from myelosketch.learning.ladder import base_of

if TYPE_CHECKING:
    import pandas as pd

METHOD_NAMES = {
    "pet": "True PET",
    "template": "Control-mean template",
    "ridgevoxel": "Ridge, voxelwise",
    "ridgemeans": "Ridge, 3\u00b3 means",
    "trees": "Boosted trees",
    "dnn2": "2-layer DNN (Li 2014)",
    "unet": "U-Net, L1",
    "unetroi": "U-Net, ROI-weighted L1",
    "sketcher": "Sketcher (single cGAN)",
    "refiner": "Refiner (Wei 2018)",
    "transfer": "Pretrained on simulation",
    "rescan": "Rescan (second PET)",
    "noisefree": "Noise-free truth",
    "visible": "Noise-free tissue",
    "attainable": "Attainable (many scans)",
}
# what ``visible`` is; it is known only in simulation
VISIBLE_WORDS = "the simulation's conditional mean given noise-free myelin and water"
# for panels of 1.5 inches
SHORT_NAMES = {
    "pet": "True",
    "template": "Template",
    "ridgevoxel": "Ridge voxel",
    "ridgemeans": "Ridge means",
    "trees": "Trees",
    "dnn2": "2-layer DNN",
    "unet": "U-Net L1",
    "unetroi": "U-Net ROI",
    "sketcher": "Sketch",
    "refiner": "Refined",
    "transfer": "Pretrained",
    "rescan": "Rescan",
    "noisefree": "Noise-free",
    "visible": "Tissue",
    "attainable": "Attainable",
}
# metrics as axis labels, with their units
METRIC_NAMES = {
    "lesion_mae": "Lesion MAE (DVR)",
    "lesion_mae_visible": "Lesion MAE to noise-free tissue (DVR)",
    "lesion_r_visible": "Pearson r with noise-free tissue in lesions",
    "lesion_r2_visible": "R\u00b2 of noise-free tissue in lesions",
    "lesion_abs_bias": "Size of lesion bias (DVR)",
    "lesion_rank_r": "Rank correlation in lesions",
    "mcc_matched": "MCC at matched prevalence",
    "sharpness": "Sharpness (noise-free tissue: 1)",
    "nawm_mae": "NAWM MAE (DVR)",
    "brain_mae": "Brain MAE (DVR)",
    "lesion_bias": "Lesion bias (DVR)",
    "nawm_bias": "NAWM bias (DVR)",
    "lesion_pearson_r": "Pearson r in lesions",
    "lesion_slope": "Slope of true on predicted lesion means",
    "lesion_mean_r": "Pearson r of lesion means",
    "lesion_icc": "ICC of lesion means",
    "nawm_minus_hcwm": "NAWM \u2212 HC WM (DVR)",
    "lesion_minus_nawm": "Lesions \u2212 NAWM (DVR)",
    "brain_psnr": "PSNR (dB)",
    "brain_ssim": "SSIM",
    "dice": "Dice",
    "dice_minus_trivial": "Dice \u2212 trivial Dice",
    "dice_not_demyelinated": "Dice, not demyelinated",
    "mcc": "MCC",
    "kappa": "Cohen's kappa",
    "auc": "AUC",
    "pct_true": "Demyelinated, true PET (%)",
    "pct_bias": "Bias of percentage (points)",
    "pct_abs_error": "Error of percentage (points)",
    "lesion_voxel_slope": "Slope of true on predicted, lesions",
    "nawm_voxel_slope": "Slope of true on predicted, NAWM",
}
REGION_NAMES = {"brain": "Brain", "lesion": "Lesions", "nawm": "NAWM", "hcwm": "HC WM", "other": "Other"}


def method_name(method: str, *, short: bool = False) -> str:
    """Return the display name of a method, a ceiling or the true PET; an unknown name stays as it is."""
    known = SHORT_NAMES if short else METHOD_NAMES
    base = base_of(str(method))
    if base in known:
        return f"{known[base]}, recal." if short else f"{known[base]}, recalibrated"
    return known.get(method, str(method))


def region_name(region: str) -> str:
    """Return the display name of a region; an unknown name stays as it is."""
    return REGION_NAMES.get(region, str(region))


def metric_name(metric: str) -> str:
    """Return the axis label of a metric; an unknown name stays as it is."""
    return METRIC_NAMES.get(metric, str(metric).replace("_", " "))


def cohort_words(simulated: bool, world: str = "") -> str:
    """Return words on the data for titles: measured, or simulated, on pages with the world (``simulation.world``)."""
    if not simulated:
        return "measured cohort"
    return f"simulated cohort ({world_words(world)})" if world else "simulated cohort"


def world_words(world: str) -> str:
    """Return the name of a simulated world (``simulation.worlds``) in words, as ``world: as published``."""
    return f"world: {world.replace('_', ' ')}"


def patients_words(counts: pd.Series) -> str:
    """Return the number of patients of some scores, as ``n = 18 patients`` or ``n = 17 to 18 patients``.

    Parameters
    ----------
    counts : Series of numbers of patients, NaN for a score without any
    """
    found = sorted({int(n) for n in counts.dropna()})
    if not found:
        return "n not given"
    several = "s" if found != [1] else ""
    return "n = " + " to ".join(dict.fromkeys((str(found[0]), str(found[-1])))) + f" patient{several}"


def ladder_order(methods: Iterable[str]) -> list[str]:
    """Return methods from simple to complex, then unknown ones, then ceilings."""
    known = [*names.METHODS, *names.CEILINGS]
    extra = sorted(set(methods) - set(known))
    order = [*names.METHODS, *extra, *names.CEILINGS]
    return [method for method in order if method in set(methods)]
