"""Tables of a small run in the format of the evaluation, with numbers of known shape, for tests of figures."""

import numpy as np
import pandas as pd

from myelosketch.io.names import METHODS as ALL_METHODS
from myelosketch.io.tables import write_table
from myelosketch.learning.ladder import NETWORK_METHODS, base_of

METHODS = ["template", "ridgemeans", "sketcher", "refiner"]
# the largest number of methods in a figure: all methods, and all recalibrations that are cheap
TOGETHER = tuple(name for name in ALL_METHODS if base_of(name) not in NETWORK_METHODS)
PATIENTS = [f"MS{number:02d}" for number in range(1, 7)]
CONTROLS = [f"HC{number:02d}" for number in range(1, 4)]
K = 1.0


def write_tables(
    folder, *, methods=METHODS, patients=PATIENTS, controls=CONTROLS, ceilings=("rescan",), seed=7
):
    """Write every table a figure reads below ``folder``; returns {name: path}."""
    rng = np.random.default_rng(seed)
    scored = [*methods, *ceilings]
    tables = {
        "roc": _roc(scored, patients),
        "calibration": _calibration(scored, patients, controls, rng),
        "voxelwise": _voxelwise(scored, patients, controls, rng),
        "demyelination": _demyelination(scored, patients, rng),
        "regions": _regions(scored, patients, controls, rng),
        "lesions": _lesions(scored, patients, rng),
        "lesion_agreement": _lesion_agreement(scored),
        "patient_agreement": _patient_agreement(scored),
        "summary": _summary(scored),
        "external/summary": _summary(scored, shift=0.05),
        "coverage": _coverage(methods, ("other participants", "other folds")),
        "external/coverage": _coverage(methods, ("internal participants",), shift=-0.3),
        "sensitivity": _sensitivity(methods),
        "ranks": _ranks(methods),
        "comparisons": _comparisons(methods),
        "qc": _qc(patients, rng),
        "change_lesions": _change_lesions(methods, patients, rng),
    }
    paths = {}
    for name, table in tables.items():
        paths[name] = folder / f"{name}.tsv"
        write_table(table, paths[name])
    return paths


def _frame(rows, columns):
    return pd.DataFrame(rows, columns=columns.split())


def _change_lesions(methods, patients, rng):
    """Lesions that truly changed by 0, .05 or .2; all of .2 and one of six unchanged ones are called changed."""
    rows = []
    for source, method in (("predicted", methods[-1]), ("measured", "pet")):
        for patient in patients:
            for lesion in range(1, 7):
                true = (0.0, 0.05, -0.2)[lesion % 3]
                before, change = 1 + 0.1 * rng.random(), true + 0.02 * rng.standard_normal()
                claimed = "yes" if lesion % 3 == 2 or (lesion == 3 and patient == patients[0]) else "no"
                numbers = [100.0 * lesion, before, before + change + 0.03, change, 0.1, true]
                rows.append([patient, "MS", "01", "02", source, method, lesion, *numbers, claimed])
    columns = "subject group session_before session_after source method lesion volume_mm3 mean_dvr_before"
    return _frame(rows, f"{columns} mean_dvr_after change limit change_true claimed")


def _roc(methods, patients):
    """Curves of known area: tpr = fpr ** a of each method and patient."""
    grid = np.linspace(0, 1, 51)
    rows = []
    for order, method in enumerate(methods):
        for place, patient in enumerate(patients):
            curve = grid ** (0.8 / (order + 1 + 0.1 * place))
            rows += [
                [method, f"sub-{patient}", patient, 1, K, x, y] for x, y in zip(grid, curve, strict=True)
            ]
    return _frame(rows, "method scan subject fold k fpr tpr")


def _calibration(methods, patients, controls, rng):
    """Bins on a line of slope 1.1, with offsets between participants."""
    rows = []
    for method in methods:
        for subject in [*patients, *controls]:
            offset = 0.04 * rng.standard_normal()
            for region in ("brain", "nawm", "other", *(["lesion"] if subject in patients else [])):
                for centre in np.arange(0.875, 1.3, 0.05):
                    count = int(4000 * np.exp(-((centre - 1.1) ** 2) / 0.01)) + 1
                    true = 1.1 * centre - 0.1 + offset
                    error = abs(true - centre)
                    rows.append([method, f"sub-{subject}", subject, 1, region, centre, true, error, count])
    return _frame(rows, "method scan subject fold region dvr_pred mean_true mean_abs_error n_voxels")


def _voxelwise(methods, patients, controls, rng):
    rows = []
    for order, method in enumerate(methods):
        for subject in [*patients, *controls]:
            group = "MS" if subject in patients else "HC"
            for region in ("brain", "nawm", "other", *(["lesion"] if group == "MS" else [])):
                slope = 0.1 * (order + 1) + 0.05 * rng.standard_normal()
                rows.append([method, f"sub-{subject}", subject, group, 1, region, 0.1, slope, 0.5, 900])
    return _frame(rows, "method scan subject group fold region mae slope intercept n_voxels")


def _demyelination(methods, patients, rng):
    rows = []
    for method in methods:
        for patient in patients:
            for k in (0.5, K):
                true, predicted = 100 * rng.random(2)
                rows.append([method, f"sub-{patient}", patient, 1, k, 40, true, predicted, rng.random()])
    return _frame(rows, "method scan subject fold k n_lesion_voxels pct_true pct_pred dice")


def _regions(methods, patients, controls, rng):
    rows = []
    for method in methods:
        for subject in [*patients, *controls]:
            group = "MS" if subject in patients else "HC"
            for region in ("nawm", "other", *(["lesion"] if group == "MS" else [])):
                true, predicted = 1.1 + 0.2 * rng.random(2)
                rows.append([method, f"sub-{subject}", subject, 1, region, group, true, predicted, 50])
    return _frame(rows, "method scan subject fold region group mean_dvr_true mean_dvr_pred n_voxels")


def _lesions(methods, patients, rng):
    """Four lesions of a patient: three sizes whose names are not in the order of their volumes."""
    drawn = {
        patient: [
            (volume, size, place, kind, *(1 + 0.2 * rng.random(2)))
            for volume, size, place, kind in (
                (1500.0, ">= 1000 mm3", "periventricular", "demyelinated"),
                (400.0, "300-1000 mm3", "deep", "black_hole"),
                (150.0, "< 300 mm3", "juxtacortical", "demyelinated"),
                (120.0, "< 300 mm3", "infratentorial", np.nan),
            )
        ]
        for patient in patients
    }
    rows = [
        [method, f"sub-{patient}", patient, 1, number, *lesion, 50, 60]
        for method in methods
        for patient, lesions in drawn.items()
        for number, lesion in enumerate(lesions, start=1)
    ]
    columns = "method scan subject fold lesion volume_mm3 size place kind mean_dvr_true mean_dvr_pred"
    return _frame(rows, f"{columns} pct_true pct_pred")


def _lesion_agreement(methods):
    levels = {
        "all": ["all"],
        "size": ["< 300 mm3", "300-1000 mm3", ">= 1000 mm3"],
        "place": ["periventricular", "deep", "juxtacortical", "infratentorial"],
        "kind": ["demyelinated", "black_hole"],
    }
    rows = []
    for method in methods:
        for stratum, names in levels.items():
            for level in names:
                if level == "infratentorial":
                    rows.append([method, stratum, level, 4, 2, *[np.nan] * 21, "fewer than 3 patients"])
                    continue
                ends = [(0.4, 0.1, 0.6), (0.35, 0.1, 0.6), (0.3, -0.1, 0.6), (-0.02, -0.05, 0.01)]
                limits = [(-0.2, -0.25, -0.15), (0.16, 0.1, 0.2)]
                numbers = [value for trio in (*ends, *limits) for value in trio]
                rows.append([method, stratum, level, 12, 6, *numbers, *[np.nan] * 3, np.nan])
    names = ["pearson_r", "spearman_r", "icc", "bias", "limit_low", "limit_high", "spare"]
    columns = [name + end for name in names for end in ("", "_ci_low", "_ci_high")]
    return _frame(rows, " ".join(["method stratum level n_lesions n_patients", *columns, "note"]))


def _patient_agreement(methods):
    rows = []
    for method in methods:
        for measure, scale in (("pct_demyelinated", 100), ("mean_dvr_lesion", 1), ("mean_dvr_nawm", 1)):
            bias = [scale * value for value in (-0.02, -0.06, 0.02)]
            limits = [scale * value for value in (-0.2, 0.16)]
            rows.append([method, measure, 6, 0.45, 0.1, 0.7, *bias, *limits, 0.5, np.nan])
    columns = "method measure n icc icc_ci_low icc_ci_high bias bias_ci_low bias_ci_high limit_low limit_high"
    return _frame(rows, f"{columns} pearson_r note")


def _summary(methods, shift=0.0):
    rows = []
    for order, method in enumerate(methods):
        rows += [
            [method, "lesion_mae", np.nan, 0.14 - order / 100 + shift, 0.1 + shift, 0.16 + shift, 6],
            [method, "lesion_bias", np.nan, 0.02 * order - shift, -0.02, 0.06, 6],
            [method, "dice", K, 0.6 + order / 20, 0.5, 0.9, 6],
            [method, "trivial_dice", K, 0.7, 0.6, 0.8, 6],
            [method, "mcc", K, 0.1 * order, -0.1, 0.5, 6],
            [method, "mcc", 0.5, 0.9, 0.8, 1.0, 6],
            [method, "auc", K, 0.55 + order / 20, 0.5, 0.9, 6],
        ]
    return _frame(rows, "method metric k mean ci_low ci_high n")


def _coverage(methods, calibrated_on, shift=0.0):
    widths = {"lesion_mean_dvr": 0.3, "white_matter_mean_dvr": 0.1, "pct_demyelinated": 60}
    rows = []
    for method in methods:
        for quantity, width in widths.items():
            for source in calibrated_on:
                for level in (0.8, 0.9):
                    observed = level + 0.02 + shift
                    ends = [observed - 0.1, min(1, observed + 0.1)]
                    note = "too few participants: level in force 85 %" if level > 0.85 else np.nan
                    rows.append(
                        [quantity, level, method, source, observed, *ends, width * level, 6, 24, note]
                    )
    columns = (
        "quantity level method calibrated_on observed ci_low ci_high mean_width n_participants n_rows note"
    )
    return _frame(rows, columns)


def _sensitivity(methods):
    axes = {
        "k": (["0.5", "1", "1.5", "2"], ["dice", "trivial_dice", "mcc", "pct_bias"]),
        "reference": (["pooled", "voxelwise"], ["dice", "trivial_dice", "mcc"]),
        "perilesional_mm": (["0", "3", "10"], ["nawm_mae", "nawm_bias"]),
        "min_lesion_mm3": (["30", "100", "1000"], ["lesion_mean_r", "icc"]),
    }
    rows = []
    for axis, (values, metrics) in axes.items():
        for step, value in enumerate(values):
            for order, method in enumerate(methods):
                for metric in metrics:
                    mean = 0.3 + 0.1 * step + 0.05 * order
                    rows.append([axis, value, method, metric, mean, mean - 0.1, mean + 0.1, 6, np.nan])
    return _frame(rows, "axis value method metric mean ci_low ci_high n note")


def _ranks(methods):
    rows = [
        [metric, method, len(methods) - order + 0.2, 6, 1.9, 0.004]
        for metric in ("lesion_mae", "mcc")
        for order, method in enumerate(methods)
    ]
    return _frame(rows, "metric method mean_rank n critical_difference friedman_p")


def _comparisons(methods):
    columns = "metric method_a method_b difference ci_low ci_high p_wilcoxon p_corrected p_adjusted"
    rows = [
        [metric, a, b, 0.01 * (second - first), 0.002, 0.05, 0.03, 0.1, 0.02 * (second + 1), 0.4, 6, np.nan]
        for metric in ("lesion_mae", "mcc")
        for first, a in enumerate(methods)
        for second, b in enumerate(methods)
        if first < second
    ]
    return _frame(rows, f"{columns} effect_size n note")


def _qc(patients, rng):
    """One dwi of the first patient failed. The registration to the template has no border contrast."""
    rows = []
    for patient in patients:
        for modality in ("pet", "dwi", "MTR", "FLAIR", "MNI152"):
            shift = np.nan if modality == "MNI152" else 0.3 * rng.random()
            numbers = [0.99, 0.95, 1.2 + 0.05 * rng.random(), 0.6 + 0.1 * rng.random(), shift]
            numbers += [*(0.3 * rng.random(2)), 0.5, 0.4 * rng.random()]
            bad = patient == patients[0] and modality == "dwi"
            verdict, reason = ("failed", "a new start ends 4.1 mm away") if bad else ("ok", np.nan)
            numbers[6] = 4.1 if bad else numbers[6]
            rows.append([f"sub-{patient}", "MS", modality, verdict, reason, *numbers, "mask"])
    columns = (
        "scan group modality verdict reason coverage overlap nmi border_contrast border_shift_mm inverse_mm"
    )
    return _frame(rows, f"{columns} repeat_mm repeat_max_mm stretch_mm lesion_source")
