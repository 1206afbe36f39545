"""Table of differences between groups and of the demyelinated share against clinical scores, raw and adjusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from myelosketch.evaluation.contrasts import contrast_notes, read_people
from myelosketch.reporting.display import method_name
from myelosketch.reporting.source_tables import table_to_draw
from myelosketch.reporting.tables.methods import LONG
from myelosketch.reporting.tables.text import HtmlTable, interval, number, or_reason, p_value, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from myelosketch.io.run_files import RunFolder

TITLE = "Groups, and the clinic"
NUMERIC = (
    *("estimate", "ci_low", "ci_high", "std_estimate", "std_ci_low", "std_ci_high", "p", "p_adjusted", "n"),
)


@or_reason(TITLE)
def contrast_table(run: RunFolder, *, adjust_for: Sequence[str], relate_to: Sequence[str]) -> HtmlTable:
    """Return every contrast, raw and adjusted, with its standardised effect and the model.

    Parameters
    ----------
    run : RunFiles or RunFolder
    adjust_for, relate_to : names of columns, as configured
    """
    table = table_to_draw(
        run.path("evaluation/contrasts.tsv"),
        ("contrast", "source", "adjusted_for", "formula", "method", "note", *NUMERIC),
        numeric=NUMERIC,
    )
    rows = [_row(row) for row in table.to_dict("records")]
    header = [
        "Contrast",
        "In",
        "Adjusted for",
        "Estimate (interval)",
        "Standardised (interval)",
        "p",
        "p, Holm",
    ]
    header += ["n", "Model"]
    people = read_people(run.path("cohort/cohort.tsv"))
    folds = table_to_draw(run.path("cohort/folds.tsv"), ("subject", "fold"))
    internal = people[people["subject"].isin(folds["subject"][folds["fold"] != "0"])]
    notes = contrast_notes(internal, adjust_for, relate_to)
    note = (
        "DVR, or percentage points per unit of the column. Standardised: over the SD of the residuals, a slope "
        "also per SD of the column. Holm: over the measured PET and the methods. n counts participants with all "
        "entries."
    )
    return HtmlTable(TITLE, header, rows, " ".join([note, *notes]), folded=len(rows) > LONG, text_columns=3)


def _row(row: dict[str, Any]) -> list[str]:
    digits = 2 if "%" in row["contrast"] else 3
    return [
        words(row["contrast"]),
        method_name(row["source"]),
        row["adjusted_for"] if isinstance(row["adjusted_for"], str) else "raw",
        interval(row["estimate"], row["ci_low"], row["ci_high"], digits),
        interval(row["std_estimate"], row["std_ci_low"], row["std_ci_high"], 2),
        p_value(row["p"]),
        p_value(row["p_adjusted"]),
        number(row["n"], 0),
        row["note"] if isinstance(row["note"], str) else f"{row['formula']}, {row['method']}",
    ]
