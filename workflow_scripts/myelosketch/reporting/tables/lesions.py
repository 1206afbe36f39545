"""Tables of lesions and patients: each patient, agreement of lesion and patient means, sensitivity."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from myelosketch.reporting.display import ladder_order, method_name
from myelosketch.reporting.source_tables import NothingToDrawError, lesion_rows, rows_of, table_to_draw
from myelosketch.reporting.tables.methods import LONG, digits_of, laddered_name, metric_head
from myelosketch.reporting.tables.text import (
    HtmlTable,
    has_notes,
    interval,
    number,
    or_reason,
    remark,
    why_missing,
    with_n,
    words,
)

if TYPE_CHECKING:
    import pandas as pd

    from myelosketch.io.run_files import RunFolder

LESION_STATISTICS = ("pearson_r", "spearman_r", "icc", "bias", "limit_low", "limit_high")
MEASURE_NAMES = {
    "pct_demyelinated": "Demyelinated share (%)",
    "mean_dvr_lesion": "Mean DVR of lesions",
    "mean_dvr_nawm": "Mean DVR of NAWM",
}
AXES = {
    "k": "Threshold k",
    "reference": "Reference of healthy white matter",
    "perilesional_mm": "Width of the perilesional shell (mm)",
    "min_lesion_mm3": "Smallest lesion (mm\u00b3)",
}
FLAIR_MARK = "lesions from FLAIR"


@or_reason("Patients")
def patient_table(
    run: RunFolder, *, method: str, k: float, flair: Collection[str] = (), folder: str = "evaluation"
) -> HtmlTable:
    """Return demyelinated share and agreement of each patient, with a link to the patient's page if there is one.

    Parameters
    ----------
    run : RunFiles or RunFolder
    method : the method shown; k : threshold
    flair : scans whose lesions were found on their FLAIR
    folder : evaluation, or evaluation/external
    """
    columns = ("n_lesion_voxels", "pct_true", "pct_pred", "dice", "trivial_dice", "mcc")
    table = table_to_draw(
        run.path(f"{folder}/demyelination.tsv"), ("method", "scan", "k", *columns), numeric=("k", *columns)
    )
    table = rows_of(table, f"score of {method_name(method)} at k = {k:g}", method=method, k=k)
    digits = (0, 1, 1, 2, 2, 2)
    rows, links = [], {}
    for row in table.sort_values("scan").to_dict("records"):
        label = marked(row["scan"], flair)
        if run.path(f"patients/{row['scan']}.html").is_file():
            links[label] = f"patients/{row['scan']}.html"
        cells = (number(row[name], places) for name, places in zip(columns, digits, strict=True))
        rows.append([label, *cells])
    header = ["Patient", "Lesion voxels", "True (%)", "Predicted (%)", "Dice", "Trivial Dice", "MCC"]
    title = f"Demyelinated lesion voxels of each patient, {method_name(method)}, k = {k:g}"
    note = "Each patient's page shows the maps through the largest lesions." if links else ""
    return HtmlTable(title, header, rows, note, folded=len(rows) > 30, links=links)


def marked(scan: str, flair: Collection[str]) -> str:
    """Return the name of a scan, with a mark if its lesions were found on FLAIR."""
    return f"{scan} ({FLAIR_MARK})" if scan in flair else scan


@or_reason("Lesions on which prediction and measurement disagree most")
def disagreement_table(run: RunFolder, *, method: str, most: int | None = None) -> HtmlTable:
    """Return the lesions, largest disagreement first, each with a link to its picture on the patient's page.

    Parameters
    ----------
    run : RunFiles or RunFolder
    method : the method shown
    most : number of lesions; None for all
    """
    table = lesion_rows(run.path("evaluation/lesions.tsv"), method)
    told = [name for name in ("place", "kind") if name in table and table[name].notna().any()]
    rows, links = [], {}
    for row in table.head(most or len(table)).to_dict("records"):
        label = f"{row['rank']}: {row['scan']}, lesion {number(row['lesion'], 0)}"
        if run.path(f"patients/{row['scan']}.html").is_file():
            links[label] = f"patients/{row['scan']}.html#lesion-{number(row['lesion'], 0)}"
        places = [words(row[name]).replace("_", " ") for name in told]
        means = [number(row[name]) for name in ("mean_dvr_true", "mean_dvr_pred", "difference")]
        rows.append([label, *places, number(row["volume_mm3"], 0), *means])
    header = ["Lesion", *(name.capitalize() for name in told), "Volume (mm\u00b3)"]
    header += ["Mean DVR, true", "Mean DVR, predicted", "Predicted \u2212 true"]
    note = (
        "The first ten numbers also mark points in the scatter plot. PET noise affects the mean of a small lesion "
        "more: compare a large disagreement with the volume."
    )
    note += " Each lesion links to its picture." if links else ""
    title = (
        f"All {len(rows)} lesions"
        if most is None
        else "Lesions on which prediction and measurement disagree most"
    )
    return HtmlTable(
        f"{title}, {method_name(method)}", header, rows, note, folded=most is None, text_columns=1 + len(told),
        links=links,
    )  # fmt: skip


@or_reason("Agreement of the lesions' mean DVR")
def lesion_agreement_table(run: RunFolder, *, method: str | None = None) -> HtmlTable:
    """Return agreement of true and predicted mean DVR of all lesions by method, then by stratum of one method.

    Parameters
    ----------
    run : RunFiles or RunFolder
    method : the method shown by stratum; None shows all lesions only
    """
    table = _lesion_agreement(run)
    rows = [
        [laddered_name(row["method"]), *_agreement_cells(row)]
        for row in _in_order(table[table.stratum == "all"])
    ]
    strata = table[(table.stratum != "all") & (table.method == method)].to_dict("records")
    rows += [[f"{method_name(row['method'])}, {_level(row)}", *_agreement_cells(row)] for row in strata]
    reasons = why_missing(table[table.stratum == "all"], "pearson_r")
    header = ["Method", *_AGREEMENT_HEADER]
    return _agreement_view("Agreement of the lesions' mean DVR", header, rows, reasons)


@or_reason("Agreement of the lesions' mean DVR by size, place and kind")
def strata_table(run: RunFolder, *, method: str) -> HtmlTable:
    """Return the agreement by size, place and kind of lesion, for the shown method."""
    table = _lesion_agreement(run)
    table = table[(table.stratum != "all") & (table.method == method)]
    rows = [
        [_level(row), *_agreement_cells(row), remark(row.get("note"))] for row in table.to_dict("records")
    ]
    title = f"Agreement of the lesions' mean DVR by size, place and kind, {method_name(method)}"
    return _agreement_view(title, ["Lesions", *_AGREEMENT_HEADER, "Note"], rows)


_AGREEMENT_HEADER = ("n, lesions", "n, patients", "Pearson r", "Spearman r", "ICC", "Bias (DVR)", "Limits")


def _lesion_agreement(run: RunFolder) -> pd.DataFrame:
    needed = ("method", "stratum", "level", "n_lesions", "n_patients", *LESION_STATISTICS)
    return table_to_draw(run.path("evaluation/lesion_agreement.tsv"), needed)


def _in_order(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as dicts, in the order of the ladder."""
    return [
        row
        for method in ladder_order(table.method.unique())
        for row in table[table.method == method].to_dict("records")
    ]


def _level(row: Mapping[str, Any]) -> str:
    """Return the name of a level of a stratum."""
    level = words(row["level"]).replace("_", " ").replace("mm3", "mm\u00b3").replace(">= ", "\u2265 ")
    return f"{row['stratum']} {level}" if row["stratum"] != "place" else level


def _agreement_cells(row: Mapping[str, Any]) -> list[str]:
    return [
        number(row["n_lesions"], 0),
        number(row["n_patients"], 0),
        *(_with_interval(row, name, 2) for name in ("pearson_r", "spearman_r", "icc")),
        _with_interval(row, "bias", 3),
        _limits(row, 3),
    ]


def _agreement_view(title: str, header: list[str], rows: list[list[str]], reasons: str = "") -> HtmlTable:
    if not rows:
        raise NothingToDrawError("lesion_agreement.tsv has no row for these lesions.")
    note = (
        "Mean DVR of each lesion, predicted against true. Intervals are by bootstrap over patients, because lesions "
        "of one patient are not independent. ICC(2,1). Bias and limits of agreement: Bland-Altman."
    )
    return HtmlTable(title, header, rows, note + reasons, folded=len(rows) > LONG)


def _limits(row: Mapping[str, Any] | pd.Series, digits: int) -> str:
    """Return limits of agreement as text."""
    low, high = (number(row[name], digits) for name in ("limit_low", "limit_high"))
    return "n/a" if "n/a" in (low, high) else f"({low} to {high})"


@or_reason("Agreement of the patients")
def patient_agreement_table(run: RunFolder) -> HtmlTable:
    """Return the agreement of true and predicted numbers of the patients."""
    needed = ("method", "measure", "n", "icc", "bias", "limit_low", "limit_high", "pearson_r")
    table = table_to_draw(run.path("evaluation/patient_agreement.tsv"), needed)
    order = ladder_order(table.method.unique())
    noted = has_notes(table)
    rows = []
    for measure in dict.fromkeys(table.measure):
        part = table[table.measure == measure].set_index("method")
        digits = 1 if measure.startswith("pct") else 3
        for method in order:
            if method in part.index:
                row = part.loc[method]
                rows.append(
                    [
                        MEASURE_NAMES.get(measure, measure),
                        laddered_name(method),
                        number(row["n"], 0),
                        _with_interval(row, "icc", 2),
                        _with_interval(row, "bias", digits),
                        _limits(row, digits),
                        number(row["pearson_r"]),
                        *([remark(row["note"])] if noted else []),
                    ]
                )
    header = ["Measure", "Method", "n", "ICC", "Bias", "Limits of agreement", "Pearson r"]
    header += ["Note"] if noted else []
    note = (
        "One value per patient, predicted against true. ICC(2,1), with an interval from the F distribution. Bias "
        "(predicted \u2212 true, with Student's interval) and limits of agreement (bias \u00b1 1.96 SD): "
        "Bland-Altman."
    )
    return HtmlTable("Agreement of the patients", header, rows, note, folded=len(rows) > LONG, text_columns=2)


def sensitivity_tables(run: RunFolder, *, method: str) -> list[HtmlTable]:
    """Return one table per axis of sensitivity.tsv: scores of the shown method under each choice."""
    try:
        needed = ("axis", "value", "method", "metric", "mean", "ci_low", "ci_high")
        table = table_to_draw(run.path("evaluation/sensitivity.tsv"), needed)
        table = rows_of(table, f"sensitivity of {method_name(method)}", method=method)
    except NothingToDrawError as reason:
        return [HtmlTable("Sensitivity to our choices", [], [], missing=f"Not shown: {reason}")]
    return [_axis_table(axis, table[table.axis == axis], method) for axis in dict.fromkeys(table.axis)]


def _axis_table(axis: str, table: pd.DataFrame, method: str) -> HtmlTable:
    metrics = list(dict.fromkeys(table.metric))
    noted = has_notes(table)
    rows = []
    for value in dict.fromkeys(table.value):
        here = table[table.value == value]
        at_value = here.drop_duplicates("metric").set_index("metric")
        cells = [_sensitivity_cell(at_value, metric) for metric in metrics]
        notes = "; ".join(dict.fromkeys(here.note.dropna())) if noted else ""
        rows.append([words(value), *cells, *([notes] if noted else [])])
    title = AXES.get(axis, axis)
    header = [title, *map(metric_head, metrics), *(["Note"] if noted else [])]
    return HtmlTable(f"{title}, {method_name(method)}", header, rows)


def _sensitivity_cell(table: pd.DataFrame, metric: str) -> str:
    if metric not in table.index:
        return "n/a"
    row = table.loc[metric]
    return with_n(interval(row["mean"], row["ci_low"], row["ci_high"], digits_of(metric)), row.get("n"))


def _with_interval(row: Mapping[str, Any] | pd.Series, name: str, digits: int) -> str:
    """Return a statistic with its interval, if the table has one."""
    low, high = (row.get(f"{name}_{end}") for end in ("ci_low", "ci_high"))
    if low is None and high is None:
        return number(row[name], digits)
    return interval(row[name], low, high, digits)
