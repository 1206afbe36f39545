"""Every figure of a run: what it shows, its place in the report, and what draws it from which files.

The order of the entries is the order of the figures everywhere. A new figure needs a function that draws it, an entry
here and a caption in rules/captions/figures.rst.
"""

from dataclasses import dataclass

from myelosketch.io.names import GROUP_FILES

# sections of the report with figures, in the order of a paper; they are categories in Snakemake's report
SECTIONS = {
    "examples": "Examples",
    "agreement": "Agreement of the DVR",
    "demyelination": "Demyelination",
    "lesions": "Lesions",
    "comparisons": "Comparisons of methods",
    "claims": "Claims and groups",
    "sensitivity": "Sensitivity",
    "quality": "Quality of registration and training",
}


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Parameters
    ----------
    heading : str, name of the figure; it is the title where no finding can be decided
    section : one of :data:`SECTIONS`
    alt : str, text for readers who cannot see the image (the numbers are in the figure's own table)
    build : ``module.function`` of this package. It takes the paths of the tables, ``simulated`` and the settings, and
        returns a matplotlib Figure and a DataFrame of the data drawn
    tables : files in the results folder; {fold} and {method} mean all folds and methods
    settings : facts of the run that ``build`` takes
    stated : facts of the run that only the caption states
    maps : derivatives of every patient that ``build`` takes as ``maps`` (:class:`myelosketch.io.run_files.RunFiles`)
    needs : what a run must have for this figure; blank for nothing
    columns : columns of a printed page that the figure fills: 1 (85 mm) or 2 (180 mm); ``build`` draws it that wide
    finding : function of findings.py that states the finding as a title, from the figure's own table; blank for none
    """

    heading: str
    section: str
    alt: str
    build: str
    tables: tuple[str, ...]
    settings: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    needs: str = ""
    columns: int = 2
    finding: str = ""


# group maps in MNI152 space
_OVER_PATIENTS = ("dvr_ms", "predicted_ms", "lesion_ms", "demyelinated_pet_ms", "demyelinated_ms")

FIGURES = {
    "fig3_qualitative": Figure(
        heading="Figure 3: one patient",
        section="examples",
        alt="Axial slices of one patient: four MRI maps, regions, true DVR and the DVR predicted by each method.",
        build="qualitative.build_qualitative",
        tables=("evaluation/region_volumes.tsv",),
        settings=("scans", "methods", "example_patient"),
        maps=("mtr", "fa", "rd", "ad", "dvr", "regions", "predicted"),
    ),
    "standard_space": Figure(
        heading="Patients in MNI152 space",
        section="examples",
        alt="Axial slices in MNI152 space: mean DVR, measured and predicted, and shares of patients with a "
        "lesion and with demyelination at each place.",
        build="standard_space.build_standard_space",
        tables=tuple(GROUP_FILES[name] for name in _OVER_PATIENTS),
        settings=("method",),
    ),
    "fig4a_groups": Figure(
        heading="Figure 4A: groups",
        section="agreement",
        alt="Box plots of mean DVR, true and predicted, in white matter of controls, in NAWM and in lesions.",
        build="regions.build_groups",
        tables=("evaluation/regions.tsv",),
        settings=("method", "methods"),
        finding="lesions_below_nawm",
    ),
    "fig4b_individuals": Figure(
        heading="Figure 4B: individuals",
        section="agreement",
        alt="Lines of mean DVR per participant, true and predicted, in white matter and in lesions.",
        build="regions.build_individuals",
        tables=("evaluation/regions.tsv",),
        settings=("method",),
        finding="spread_of_white_matter",
    ),
    "bland_altman": Figure(
        heading="Agreement over patients",
        section="agreement",
        alt="Three Bland-Altman plots: demyelinated percentage, mean DVR of lesions, mean DVR of NAWM.",
        build="bland_altman.build_bland_altman",
        tables=("evaluation/demyelination.tsv", "evaluation/regions.tsv", "evaluation/patient_agreement.tsv"),
        settings=("method", "k", "alpha"),
        finding="limits_of_share",
    ),
    "calibration": Figure(
        heading="Calibration",
        section="agreement",
        alt="Lines of true against predicted DVR in three regions, and the slopes of each participant below.",
        build="calibration.build_calibration",
        tables=("evaluation/calibration.tsv", "evaluation/voxelwise.tsv"),
        settings=("method",),
        finding="slopes_in_lesions",
    ),
    "fig5a_demyelinated_percentage": Figure(
        heading="Figure 5A: demyelinated voxels",
        section="demyelination",
        columns=1,
        alt="Paired bars per patient: percentage of demyelinated lesion voxels, true and predicted.",
        build="demyelination.build_demyelinated_percentage",
        tables=("evaluation/demyelination.tsv",),
        settings=("method", "k"),
        finding="share_too_high",
    ),
    "fig5b_agreement": Figure(
        heading="Figure 5B: agreement",
        section="demyelination",
        alt="Axial slices of three patients, lesion voxels coloured by agreement of true and predicted PET.",
        build="agreement.build_agreement",
        tables=("evaluation/demyelination.tsv",),
        settings=("scans", "method", "k", "agreement_colours"),
        maps=("dvr", "regions", "demyelinated"),
        finding="range_of_dice",
    ),
    "roc": Figure(
        heading="ROC curves",
        section="demyelination",
        alt="ROC curves of demyelinated lesion voxels: the mean of every method, and each patient's own.",
        build="roc.build_roc",
        tables=("evaluation/roc.tsv", "evaluation/summary.tsv"),
        settings=("method", "k"),
        finding="areas_above_chance",
    ),
    "lesion_means": Figure(
        heading="Lesion means",
        section="lesions",
        alt="Scatter and Bland-Altman plots of the mean DVR of each lesion, true and predicted.",
        build="lesions.build_lesion_means",
        tables=("evaluation/lesions.tsv",),
        settings=("method",),
        stated=("min_lesion_mm3",),
        finding="error_of_lesions",
    ),
    "lesion_agreement": Figure(
        heading="Lesions by size, place and kind",
        section="lesions",
        alt="Scatter plots of lesion means by stratum, with correlation, ICC and bias of each level beside them.",
        build="lesions.build_lesion_agreement",
        tables=("evaluation/lesions.tsv", "evaluation/lesion_agreement.tsv"),
        settings=("method", "alpha"),
        stated=("min_lesion_mm3",),
        finding="size_of_lesions",
    ),
    "change": Figure(
        heading="Change between sessions",
        section="lesions",
        alt="Share of lesions called changed by true change, and scatter plots of each lesion before and after.",
        build="change.build_change",
        tables=("change_lesions.tsv",),
        settings=("alpha",),
        stated=("min_lesion_mm3",),
        needs="a follow-up",
    ),
    "ladder": Figure(
        heading="All methods, from simple to complex",
        section="comparisons",
        alt="Three dot plots with intervals: lesion error, Dice beside trivial Dice, MCC; one row per method.",
        build="ladder.build_ladder",
        tables=("evaluation/summary.tsv",),
        settings=("k", "alpha"),
        finding="lowest_error",
    ),
    "comparison": Figure(
        heading="Comparison of methods",
        section="comparisons",
        alt="Dot plots per score: mean ranks with bars that join similar methods, and differences with intervals.",
        build="comparison.build_comparison",
        tables=("evaluation/ranks.tsv", "evaluation/comparisons.tsv"),
        settings=("method", "alpha"),
        finding="told_apart",
    ),
    "sites": Figure(
        heading="External sites",
        section="comparisons",
        alt="Three dot plots with intervals: external sites beside the cross-validation, one row per method.",
        build="comparison.build_sites",
        tables=("evaluation/summary.tsv", "evaluation/external/summary.tsv"),
        settings=("k", "alpha"),
        needs="an external site",
        finding="external_errors",
    ),
    "contrast_residuals": Figure(
        heading="Residuals of the adjusted contrasts",
        section="claims",
        alt="Per contrast a plot of residuals against fitted values, and one against normal quantiles.",
        build="contrast_residuals.build_contrast_residuals",
        tables=("evaluation/contrast_residuals.tsv",),
        settings=("method",),
        needs="a column to adjust for",
    ),
    "sensitivity_k": Figure(
        heading="Threshold k",
        section="sensitivity",
        alt="Lines of each score against k, one per method, with intervals; trivial Dice beside Dice.",
        build="sensitivity.build_sensitivity_k",
        tables=("evaluation/sensitivity.tsv",),
        settings=("in_force", "alpha"),
        finding="best_at_each_value",
    ),
    "sensitivity_reference": Figure(
        heading="Reference of the threshold",
        section="sensitivity",
        alt="Lines of each score under the pooled and the voxelwise reference, one per method, with intervals.",
        build="sensitivity.build_sensitivity_reference",
        tables=("evaluation/sensitivity.tsv",),
        settings=("in_force", "alpha"),
        finding="best_at_each_value",
    ),
    "sensitivity_perilesional": Figure(
        heading="Perilesional width",
        section="sensitivity",
        alt="Lines of each score against the width of the perilesional shell, one per method, with intervals.",
        build="sensitivity.build_sensitivity_perilesional",
        tables=("evaluation/sensitivity.tsv",),
        settings=("in_force", "alpha"),
        finding="best_at_each_value",
    ),
    "sensitivity_lesion_size": Figure(
        heading="Smallest lesion",
        section="sensitivity",
        alt="Lines of each score against the smallest lesion counted, one per method, with intervals.",
        build="sensitivity.build_sensitivity_lesion_size",
        tables=("evaluation/sensitivity.tsv",),
        settings=("in_force", "alpha"),
        finding="best_at_each_value",
    ),
    "registration_quality": Figure(
        heading="Registration quality",
        section="quality",
        alt="Strip plots, one per measure of registration quality, one dot per scan and modality, with limits.",
        build="registration.build_registration_quality",
        tables=("registration/qc.tsv",),
        settings=("limits",),
        finding="registrations_passed",
    ),
    "registration_error": Figure(
        heading="Registration error",
        section="quality",
        columns=1,
        alt="Box plots of the registration error in millimetres for each modality.",
        build="training_and_error.build_registration_error",
        tables=("evaluation/registration_error.tsv",),
        needs="known poses of the images",
        finding="largest_registration_error",
    ),
    "training_curves": Figure(
        heading="Training curves",
        section="quality",
        alt="Training losses against the epoch, one line per fold, for every trained network.",
        build="training_and_error.build_training_curves",
        tables=("training/fold-{fold}/{method}/history.tsv",),
        needs="a trained network",
        finding="discriminator_learned",
    ),
}
