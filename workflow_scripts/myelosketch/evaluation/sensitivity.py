"""Sensitivity of the results to choices: threshold k, healthy reference, perilesional shell, minimum lesion size.

A result that holds for one choice only is not reliable.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.evaluation.bootstrap import mean_interval
from myelosketch.evaluation.inference import group_difference, paired_difference
from myelosketch.evaluation.lesion_agreement import agreement_of
from myelosketch.evaluation.scoring import MEASURED
from myelosketch.evaluation.summary import METRIC, read_scores, subject_values
from myelosketch.io.tables import write_table

AXES = ("k", "reference", "perilesional_mm", "min_lesion_mm3")
COLUMNS = ("axis", "value", "method", "metric", "mean", "ci_low", "ci_high", "n", "note")
THRESHOLDED = ("dice", "trivial_dice", "dice_minus_trivial", "mcc", "pct_true", "pct_bias")
LESION_LEVEL = {"lesion_mean_r": "pearson_r", "lesion_icc": "icc", "lesion_bias": "bias"}


def summarise_sensitivity(
    paths: Mapping[str, str | Path],
    output: str | Path,
    *,
    methods: Sequence[str],
    sizes: Sequence[float],
    bootstrap: int,
    seed: int,
    alpha: float,
) -> pd.DataFrame:
    """Write ``sensitivity.tsv``.

    Parameters
    ----------
    paths : dict, ``demyelination``, ``variants``, ``regions``, ``all_lesions`` -> TSV
    output : path
    methods : list of str, with ceilings
    sizes : list of float, minimum lesion sizes, mm³
    bootstrap : int, resamples over subjects; seed : int; alpha : float

    Returns
    -------
    DataFrame : :data:`COLUMNS`. ``method`` is ``pet`` in rows about the measured PET
    """
    tables = {name: read_scores(path) for name, path in paths.items()}
    options: dict[str, Any] = {"draws": int(bootstrap), "seed": int(seed), "alpha": float(alpha)}
    table = sensitivity(tables, methods=methods, sizes=sizes, **options)
    write_table(table, output)
    return table


def sensitivity(
    tables: Mapping[str, pd.DataFrame],
    *,
    methods: Sequence[str],
    sizes: Sequence[float],
    draws: int,
    seed: int,
    alpha: float,
) -> pd.DataFrame:
    """Do the same as :func:`summarise_sensitivity` with tables in memory."""
    options: dict[str, Any] = {"draws": draws, "seed": seed, "alpha": alpha}
    rows = [*threshold_rows(tables["demyelination"], methods, **options)]
    rows += reference_rows(tables["variants"], methods, **options)
    rows += shell_rows(tables["variants"], tables["regions"], methods, **options)
    rows += size_rows(tables["all_lesions"], methods, sizes, **options)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def threshold_rows(
    demyelination: pd.DataFrame, methods: Sequence[str], **options: Any
) -> Iterator[dict[str, Any]]:
    """Return the scores of the demyelinated voxels for every k."""
    for k in sorted(demyelination["k"].astype(float).unique()):
        chosen = demyelination[np.isclose(demyelination["k"].astype(float), k)]
        yield from _thresholded("k", f"{k:g}", chosen, methods, **options)


def reference_rows(
    variants: pd.DataFrame, methods: Sequence[str], **options: Any
) -> Iterator[dict[str, Any]]:
    """Return the same scores with each reference of healthy white matter."""
    found = variants[variants["axis"] == "reference"]
    for name in dict.fromkeys(found["value"]):
        chosen = found[found["value"] == name]
        keys = ["method", "subject", "scan"]
        # a patient with a missing score keeps its row
        wide = chosen.set_index([*keys, "metric"])["score"].unstack().reset_index().assign(k=0.0)
        yield from _thresholded("reference", name, wide, methods, **options)


def _thresholded(
    axis: str, value: str, table: pd.DataFrame, methods: Sequence[str], **options: Any
) -> Iterator[dict[str, Any]]:
    for metric in THRESHOLDED:
        values = subject_values(METRIC[metric], {"demyelination": table})
        yield from _means(axis, value, metric, values, methods, **options)


def _means(
    axis: str, value: str, metric: str, values: pd.DataFrame, methods: Sequence[str], **options: Any
) -> Iterator[dict[str, Any]]:
    """Return the mean of one metric over subjects per method. ``values`` has method, subject and value."""
    for method in methods:
        own = values[values["method"] == method]
        mean, low, high, n = mean_interval(own.sort_values("subject")["value"].to_numpy(), **options)
        row = {"axis": axis, "value": value, "method": method, "metric": metric, "mean": mean, "n": n}
        notes = [f"no value in {len(own) - n} of {len(own)} subjects"] if n < len(own) else []
        notes += ["no subject with a value"] if not len(own) else []
        yield row | {"ci_low": low, "ci_high": high, "note": "; ".join(notes) or None}


def shell_rows(
    variants: pd.DataFrame,
    regions: pd.DataFrame,
    methods: Sequence[str],
    *,
    draws: int,
    seed: int,
    alpha: float,
) -> Iterator[dict[str, Any]]:
    """Return the error in white matter and the contrasts of C1 and C2 for every width of the perilesional shell."""
    found = variants[variants["axis"] == "perilesional_mm"]
    lesions = regions[(regions["region"] == "lesion") & (regions["n_voxels"] > 0)]
    for width in sorted(found["value"].unique(), key=float):
        chosen = found[found["value"] == width]
        by_subject = chosen.groupby(["method", "metric", "subject", "group"])["score"].mean().reset_index()
        errors = by_subject[by_subject["metric"] == "nawm_mae"].rename(columns={"score": "value"})
        options: dict[str, Any] = {"draws": draws, "seed": seed, "alpha": alpha}
        yield from _means("perilesional_mm", width, "nawm_mae", errors, methods, **options)
        for source in (MEASURED, *methods):
            which = "true" if source == MEASURED else "pred"
            own = by_subject[by_subject["metric"] == f"nawm_mean_{which}"]
            own = own.drop_duplicates("subject") if source == MEASURED else own[own["method"] == source]
            white = own.set_index("subject")["score"]
            of = lesions if source == MEASURED else lesions[lesions["method"] == source]
            lesion = of.groupby("subject")[f"mean_dvr_{which}"].mean()
            groups = [white[(own["group"] == group).to_numpy()] for group in ("MS", "HC")]
            pair = pd.concat([lesion, groups[0]], axis=1, join="inner").to_numpy(float)
            tests = {
                "nawm_minus_hcwm": group_difference(*groups, alpha=alpha),
                "lesion_minus_nawm": paired_difference(pair[:, 0], pair[:, 1], alpha=alpha),
            }
            for metric, test in tests.items():
                row = {"axis": "perilesional_mm", "value": width, "method": source, "metric": metric}
                row |= {"mean": test["estimate"], "n": test["n"], "note": test["note"]}
                yield row | {name: test[name] for name in ("ci_low", "ci_high")}


def size_rows(
    lesions: pd.DataFrame, methods: Sequence[str], sizes: Sequence[float], **options: Any
) -> Iterator[dict[str, Any]]:
    """Return the agreement of the lesions' means for every minimum size of a lesion."""
    for size in sorted(sizes):
        listed = lesions[lesions["volume_mm3"].astype(float) >= size * (1 - 1e-6)]
        for method in methods:
            own = listed[listed["method"] == method].sort_values(["subject", "scan", "lesion"], kind="stable")
            found = agreement_of(own, **options)
            note = "; ".join(filter(None, [f"{found['n_lesions']} lesions", found["note"]]))
            shared = {"axis": "min_lesion_mm3", "value": f"{size:g}", "method": method, "note": note}
            for metric, name in LESION_LEVEL.items():
                row = shared | {"metric": metric, "mean": found.get(name, np.nan), "n": found["n_patients"]}
                yield row | {f"ci_{side}": found.get(f"{name}_ci_{side}", np.nan) for side in ("low", "high")}
