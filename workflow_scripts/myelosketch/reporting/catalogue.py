"""Every figure of a run: its name, its heading, its section of the report, and what it shows."""

from typing import NamedTuple


class Figure(NamedTuple):
    """``alt`` is read aloud where the image cannot be seen; the numbers are in the figure's own table."""

    name: str
    heading: str
    section: str
    alt: str


FIGURES = (
    Figure(
        "registration_error", "Registration error", "registration",
        "Box plots of the registration error in millimetres for each modality.",
    ),
    Figure(
        "ladder", "Prediction ladder", "ladder",
        "Three dot plots with intervals: lesion error, Dice beside trivial Dice, MCC; one row per method.",
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
        "lesion_means", "Lesion means", "lesions",
        "Scatter and Bland-Altman plots of the mean DVR of each lesion, true and predicted.",
    ),
    Figure(
        "training_curves", "Training curves", "training",
        "Training losses against the epoch, one line per fold, for sketcher and refiner.",
    ),
)  # fmt: skip
