"""Table of how often intervals of held-out predictions contain the measured value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from myelosketch.evaluation.coverage import INTERNAL, OTHER_FOLDS
from myelosketch.reporting.display import method_name
from myelosketch.reporting.source_tables import NothingToDrawError, rows_of, table_to_draw
from myelosketch.reporting.tables.methods import LONG
from myelosketch.reporting.tables.text import HtmlTable, has_notes, interval, number, or_reason, remark

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

# quantity -> name, unit of the width, number of digits
QUANTITIES = {
    "lesion_mean_dvr": ("Mean DVR of a lesion", "DVR", 3),
    "lesions_mean_dvr": ("Mean DVR of all lesions of a patient", "DVR", 3),
    "white_matter_mean_dvr": ("Mean DVR of white matter without lesions", "DVR", 3),
    "other_mean_dvr": ("Mean DVR of other tissue", "DVR", 3),
    "pct_demyelinated": ("Demyelinated share of a patient", "points", 0),
}
# calibrated_on of coverage.tsv -> where its rows were scanned; other values are not shown
SITES = {OTHER_FOLDS: "Cross-validation", INTERNAL: "External sites"}
NUMERIC = ("level", "observed", "ci_low", "ci_high", "mean_width", "n_participants")


@or_reason("Coverage of the intervals")
def coverage_table(run: RunFolder, *, method: str) -> HtmlTable:
    """Return nominal and observed coverage of the shown method, in the cross-validation and at external sites.

    Parameters
    ----------
    run : RunFiles or RunFolder
    method : the method shown
    """
    # a run that predicts new patients has no cross-validation
    possible = ("evaluation/coverage.tsv", "evaluation/external/coverage.tsv")
    files = [name for name in possible if run.path(name).is_file()] or possible[:1]
    needed = ("quantity", "method", "calibrated_on", *NUMERIC)
    table = pd.concat([table_to_draw(run.path(name), needed, numeric=NUMERIC) for name in files])
    table = rows_of(table, f"coverage of {method_name(method)}", method=method)
    table = table[table["calibrated_on"].isin(SITES)]
    if table["observed"].isna().all():
        raise NothingToDrawError("no interval could be tested.")
    noted = has_notes(table)
    # sorted by quantity, so that a site follows the cross-validation
    order = table["quantity"].map(list(QUANTITIES).index)
    rows = [
        [*_cells(row), *([remark(row["note"])] if noted else [])]
        for row in table.assign(order=order).sort_values("order", kind="stable").to_dict("records")
    ]
    header = ["Value", "Site", "Nominal (%)", "Observed (%)", "Mean width", "n", *(["Note"] if noted else [])]
    note = (
        "A 90 % interval should contain what PET would measure in 9 of 10 new patients. Observed: how often it did "
        "in held-out participants. For a patient with several lesions, the share of the lesions counts. n counts "
        "participants. The interval of the observed share is by bootstrap over them. In the cross-validation "
        "intervals come from the errors in participants of other folds, at external sites from those in all internal "
        "participants."
    )
    title = f"Coverage of the intervals, {method_name(method)}"
    return HtmlTable(title, header, rows, note, folded=len(rows) > LONG, text_columns=2)


def _cells(row: dict[str, Any]) -> list[str]:
    words, unit, digits = QUANTITIES[row["quantity"]]
    observed, low, high = (100 * row[name] for name in ("observed", "ci_low", "ci_high"))
    width = number(row["mean_width"], digits)
    return [
        words,
        SITES[row["calibrated_on"]],
        number(100 * row["level"], 0),
        interval(observed, low, high, 0),
        width if width == "n/a" else f"{width} {unit}",
        number(row["n_participants"], 0),
    ]
