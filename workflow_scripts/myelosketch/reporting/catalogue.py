"""Every figure of a run: its name, its heading, its section of the report, and what it shows."""

from typing import NamedTuple

# sections of the report that hold figures, in the order of a reader; within one, FIGURES gives the order
SECTIONS = ("registration", "ladder", "paper", "lesions", "sensitivity", "methods")


class Figure(NamedTuple):
    """A figure of the report.

    ``section`` is one of :data:`SECTIONS`; ``alt`` is read aloud where the image cannot be seen (the numbers
    are in the figure's own table).
    """

    name: str
    heading: str
    section: str
    alt: str


FIGURES = (
    Figure(
        "registration_quality", "The numbers behind the verdicts", "registration",
        "Strip plots, one per number that tells a good registration, one dot per scan and modality, with limits.",
    ),
    Figure(
        "registration_error", "Registration error", "registration",
        "Box plots of the registration error in millimetres for each modality.",
    ),
    Figure(
        "ladder", "Every method beside its bars", "ladder",
        "Three dot plots with intervals: lesion error, Dice beside trivial Dice, MCC; one row per method.",
    ),
    Figure(
        "comparison", "Comparison of methods", "ladder",
        "Dot plots per score: mean ranks with bars that join methods alike, and differences with intervals.",
    ),
    Figure(
        "roc", "ROC curves", "ladder",
        "ROC curves of demyelinated lesion voxels: the mean of every method, and each patient's own.",
    ),
    Figure(
        "calibration", "Calibration", "ladder",
        "Lines of true against predicted DVR in three regions, and the slopes of each participant below.",
    ),
    Figure(
        "sites", "External sites", "ladder",
        "Three dot plots with intervals: external sites beside the cross-validation, one row per method.",
    ),
    Figure(
        "fig3_qualitative", "Figure 3: one patient", "paper",
        "Axial slices of one patient: four MRI maps, regions, true DVR and the DVR predicted by each method.",
    ),
    Figure(
        "fig4a_groups", "Figure 4A: groups", "paper",
        "Box plots of mean DVR, true and predicted, in white matter of controls, in NAWM and in lesions.",
    ),
    Figure(
        "fig4b_individuals", "Figure 4B: individuals", "paper",
        "Lines of mean DVR per participant, true and predicted, in white matter and in lesions.",
    ),
    Figure(
        "fig5a_demyelinated_percentage", "Figure 5A: demyelinated voxels", "paper",
        "Paired bars per patient: percentage of demyelinated lesion voxels, true and predicted.",
    ),
    Figure(
        "fig5b_agreement", "Figure 5B: agreement", "paper",
        "Axial slices of three patients, lesion voxels coloured by agreement of true and predicted PET.",
    ),
    Figure(
        "bland_altman", "Agreement over patients", "lesions",
        "Three Bland-Altman plots: demyelinated percentage, mean DVR of lesions, mean DVR of NAWM.",
    ),
    Figure(
        "lesion_means", "Lesion means", "lesions",
        "Scatter and Bland-Altman plots of the mean DVR of each lesion, true and predicted.",
    ),
    Figure(
        "lesion_agreement", "Lesions by size, place and kind", "lesions",
        "Scatter plots of lesion means by stratum, with correlation, ICC and bias of each level beside them.",
    ),
    Figure(
        "sensitivity_k", "Threshold k", "sensitivity",
        "Lines of each score against k, one per method, with intervals; trivial Dice beside Dice.",
    ),
    Figure(
        "sensitivity_reference", "Reference of the threshold", "sensitivity",
        "Lines of each score under the pooled and the voxelwise reference, one per method, with intervals.",
    ),
    Figure(
        "sensitivity_perilesional", "Perilesional width", "sensitivity",
        "Lines of each score against the width of the perilesional shell, one per method, with intervals.",
    ),
    Figure(
        "sensitivity_lesion_size", "Smallest lesion", "sensitivity",
        "Lines of each score against the smallest lesion counted, one per method, with intervals.",
    ),
    Figure(
        "training_curves", "Training curves", "methods",
        "Training losses against the epoch, one line per fold, for every trained network.",
    ),
)  # fmt: skip
