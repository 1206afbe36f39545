# ruff: noqa: E501 - sentences stand whole
"""Titles of figures state what the figure's own table says, and nothing where it decides nothing."""

import numpy as np
import pandas as pd
import pytest

from myelosketch.io.tables import write_table
from myelosketch.reporting.figures.catalogue import FIGURES
from myelosketch.reporting.figures.findings import FINDINGS, finding

FACTS = {"method": "refiner", "alpha": 0.05}
REFINER = "Refiner (Wei 2018)"


def title(tmp_path, name, columns, rows):
    write_table(pd.DataFrame(rows, columns=columns.split()), tmp_path / "figure.tsv")
    return finding(name, tmp_path / "figure.tsv", FACTS)


GROUPS = "method subject group roi source mean_dvr"
COMPARED = "metric method difference p_adjusted"
LIMITS = "measure limit_low limit_high"
SIZES = "part stratum level icc icc_ci_low icc_ci_high"
SCORES = "axis value method metric mean"
LADDER = "method metric mean"


@pytest.mark.parametrize(
    ("name", "columns", "rows", "said"),
    [
        (
            "lesions_below_nawm", GROUPS,
            [["refiner", f"MS{place}", "MS", roi, source, dvr + (place == 1 and roi == "lesion")]
             for place in range(3) for source in ("true", "predicted") for roi, dvr in (("lesion", 1.0), ("nawm", 1.2))],
            f"Lesions have a lower DVR than NAWM in 2 of 3 patients by PET and in 2 by {REFINER}",
        ),
        ("lesions_below_nawm", GROUPS, [["refiner", "HC1", "HC", "hcwm", "true", 1.2]], ""),
        ("limits_of_share", LIMITS, [["pct_demyelinated", -24.7, 26.8]],
         "The predicted demyelinated share of a patient may be 25 points too low or 27 too high"),
        ("limits_of_share", LIMITS, [["pct_demyelinated", 2.0, 26.8]], ""),
        ("limits_of_share", LIMITS, [["pct_demyelinated", np.nan, np.nan]], ""),
        ("share_too_high", "subject pct_true pct_pred", [["a", 10, 20], ["b", 10, 5], ["c", 1, 2], ["d", 3, np.nan]],
         "The predicted demyelinated share is too high in 2 and too low in 1 of 3 patients"),
        ("range_of_dice", "chosen_as dice", [["highest", 0.8], ["median", 0.5], ["lowest", 0.25]],
         "Dice runs from 0.25 in the worst patient to 0.80 in the best"),
        ("range_of_dice", "chosen_as dice", [["median", 0.5]], ""),
        (
            "areas_above_chance", "curve method subject fpr tpr",
            [["patient", "refiner", name, fpr, tpr]
             for name, middle in (("a", 0.9), ("b", 0.2)) for fpr, tpr in ((0, 0), (0.5, middle), (1, 1))],
            f"{REFINER} ranks lesion voxels better than chance (AUC above 0.5) in 1 of 2 patients",
        ),
        ("size_of_lesions", SIZES, [["agreement", "size", "< 300 mm3", 0.2, 0.1, 0.3],
                                    ["agreement", "size", ">= 1000 mm3", 0.8, 0.6, 0.9]],
         "Lesions of >= 1000 mm³ agree better with the PET than those of < 300 mm³ (ICC 0.80 against 0.20)"),
        ("size_of_lesions", SIZES, [["agreement", "size", "< 300 mm3", 0.2, 0.1, 0.7],
                                    ["agreement", "size", ">= 1000 mm3", 0.8, 0.6, 0.9]], ""),
        (
            "lowest_error", LADDER,
            [[method, metric, value] for method, error, dice in (("refiner", 0.12, 0.7), ("unet", 0.11, 0.5))
             for metric, value in (("lesion_mae", error), ("dice", dice), ("trivial_dice", 0.6))]
            + [["visible", "lesion_mae", 0.01]],
            "U-Net, L1 has the lowest lesion error of 2 methods; the mean Dice of 1 is above the trivial Dice",
        ),
        ("lowest_error", LADDER, [["refiner", "lesion_mae", 0.1]], ""),
        (
            "told_apart", COMPARED,
            [["lesion_mae", "template", 0.1, 0.001], ["lesion_mae", "trees", -0.1, 0.001],
             ["lesion_mae", "unet", -0.1, 0.06], ["lesion_mae", "refiner", np.nan, np.nan], ["mcc", "unet", 1, 0.0]],
            f"The lesion error of {REFINER} is lower than that of 1 of 3 other methods, higher than that of 1, and not "
            "told apart from 1",
        ),
        ("told_apart", COMPARED, [["lesion_mae", "unet", 0.1, np.nan]], ""),
        ("best_at_each_value", SCORES,
         [["k", k, method, "mcc", mean] for k in (1, 2) for method, mean in (("unet", 0.2), ("refiner", 0.1))]
         + [["k", 1, "visible", "mcc", 0.9]],
         "U-Net, L1 has the highest MCC at both values"),
        ("best_at_each_value", SCORES,
         [["perilesional_mm", 0, "unet", "nawm_mae", 0.2], ["perilesional_mm", 0, "refiner", "nawm_mae", 0.1],
          ["perilesional_mm", 3, "unet", "nawm_mae", 0.1], ["perilesional_mm", 3, "refiner", "nawm_mae", 0.2]],
         f"The method with the lowest NAWM error depends on the value: U-Net, L1, {REFINER}"),
        ("registrations_passed", "scan modality verdict number",
         [["a", "dwi", "ok", "nmi"], ["a", "dwi", "ok", "dice"], ["b", "dwi", "failed", "nmi"]],
         "1 of 2 registrations pass all limits"),
        ("largest_registration_error", "scan modality statistic error_mm",
         [["a", "dwi", "median_mm", 0.2], ["b", "MTR", "median_mm", 0.3], ["b", "MTR", "p95_mm", 0.9]],
         "No image is off by more than 0.30 mm (median over the brain; largest: MTR)"),
        ("discriminator_learned", "method fold epoch loss value",
         [["refiner", fold, epoch, "accuracy", 0.4 + 0.1 * epoch] for fold in (1, 2) for epoch in (1, 5)],
         f"The discriminator tells 90\u00a0% ({REFINER}) of patches right at the end; 50\u00a0% is chance"),
        ("discriminator_learned", "method fold epoch loss value", [["unet", 1, 1, "l1", 0.4]], ""),
        ("slopes_in_lesions", "panel region method subject slope",
         [["slope", "lesion", "refiner", name, slope] for name, slope in (("a", 0.5), ("b", 1.2), ("c", np.nan))],
         "A predicted difference between lesion voxels goes with a smaller measured one (slope below 1) in 1 of 2 "
         "patients"),
        ("error_of_lesions", "scan mean_dvr_true mean_dvr_pred", [["a", 1.0, 1.1], ["a", 1.0, 0.8]],
         "The predicted mean DVR of a lesion is off by 0.15 on average (2 lesions in 1 scan)"),
        ("external_errors", "site method metric mean",
         [["internal", "unet", "lesion_mae", 0.1], ["external", "unet", "lesion_mae", 0.2],
          ["internal", "trees", "lesion_mae", 0.2], ["external", "trees", "lesion_mae", 0.1]],
         "The lesion error is higher at external sites for 1 of 2 methods"),
    ],
)  # fmt: skip
def test_a_title_states_the_table(tmp_path, name, columns, rows, said):
    assert title(tmp_path, name, columns, rows) == said


@pytest.mark.parametrize(("shrink", "said"), [(0.3, "vary less"), (3.0, "vary more"), (None, "")])
def test_spread_of_white_matter_is_stated_only_beyond_chance(tmp_path, shrink, said):
    true = np.linspace(1.1, 1.4, 20)
    wave = np.where(np.arange(20) % 2, 0.05, -0.05)
    predicted = true + wave if shrink is None else 1.25 + shrink * (true - 1.25) + 0.1 * wave
    rows = [["nawm", a, b] for a, b in zip(true, predicted, strict=True)]
    found = title(tmp_path, "spread_of_white_matter", "roi mean_dvr_true mean_dvr_pred", rows)
    assert (said in found) if said else found == ""


def test_every_finding_belongs_to_a_figure_and_every_figure_names_one_that_exists():
    assert {figure.finding for figure in FIGURES.values() if figure.finding} == set(FINDINGS)


def test_a_figure_that_shows_nothing_has_no_finding(tmp_path):
    assert title(tmp_path, "lowest_error", "not_drawn", [["no table"]]) == ""
    assert finding("lowest_error", tmp_path / "absent.tsv", FACTS) == ""
    assert finding("", tmp_path / "figure.tsv", FACTS) == ""
