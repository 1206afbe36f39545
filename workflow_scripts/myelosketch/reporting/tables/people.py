"""Table of the participants: the additional columns of the cohort table by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from myelosketch.cohort.columns import covariates, has_levels
from myelosketch.reporting.source_tables import table_to_draw
from myelosketch.reporting.tables.methods import LONG
from myelosketch.reporting.tables.text import MINUS, HtmlTable, or_reason

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

TITLE = "Participants by group"
GROUPS = {"MS": "Patients (MS)", "HC": "Controls (HC)"}


@or_reason(TITLE)
def people_table(run: RunFolder) -> HtmlTable:
    """Return participants and scans per group, and per additional column the median and range, or the counts."""
    cohort = table_to_draw(run.path("cohort/cohort.tsv"), ("scan", "subject", "session", "group", "site"))
    folds = table_to_draw(run.path("cohort/folds.tsv"), ("subject", "fold"))
    is_external = cohort.subject.isin(folds.subject[folds.fold == "0"])
    parts = {words: cohort[(cohort.group == group) & ~is_external] for group, words in GROUPS.items()}
    if is_external.any():
        parts |= {
            f"External sites: {group}": cohort[(cohort.group == group) & is_external] for group in GROUPS
        }
    rows = [
        ["Participants", *(str(part.subject.nunique()) for part in parts.values())],
        ["Scans", *(str(len(part)) for part in parts.values())],
    ]
    typed = covariates(cohort).reset_index(drop=True)
    varying, many, blank = [], [], []
    for name, column in typed.items():
        differs = bool((column.groupby(cohort.subject).nunique(dropna=False) > 1).any())
        counted = column if differs else column[~cohort.subject.duplicated()]
        if counted.isna().all():
            blank.append(str(name))
        elif isinstance(column.dtype, pd.CategoricalDtype) and not has_levels(counted):
            many.append(str(name))
        else:
            varying += [str(name)] if differs else []
            rows.append(
                [str(name), *(_summary(counted[counted.index.isin(part.index)]) for part in parts.values())]
            )
    note = _note(len(rows) > 2, varying, many, blank)
    header = ["Characteristic", *parts]
    return HtmlTable(TITLE, header, rows, note, folded=len(rows) > LONG, text_columns=len(header))


def _note(any_column: bool, varying: list[str], many: list[str], blank: list[str]) -> str:
    sentences = ["Numbers and dates: median [smallest to largest]; categories: counts."] if any_column else []
    if varying:
        sentences.append(
            f"Counted by scan, because sessions differ: {', '.join(varying)}. All others are counted by participant."
        )
    if many:
        sentences.append(f"Not shown, because they contain identifiers or text: {', '.join(many)}.")
    if blank:
        sentences.append(f"Without any value: {', '.join(blank)}.")
    return " ".join(sentences)


def _summary(column: pd.Series) -> str:
    """Return one cell: ``45 [23 to 67]; 2 missing``, or ``F: 12, M: 6``."""
    known = column.dropna()
    if isinstance(column.dtype, pd.CategoricalDtype):
        counts = known.value_counts(sort=False)
        text = ", ".join(f"{level}: {count}" for level, count in counts.items() if count)
    elif len(known):
        middle, low, high = (_text(value) for value in (known.quantile(0.5), known.min(), known.max()))
        text = f"{middle} [{low} to {high}]"
    else:
        text = ""
    missing = int(column.isna().sum())
    return "; ".join(filter(None, [text, f"{missing} missing" if missing else ""])) or "n/a"


def _text(value: float | pd.Timestamp) -> str:
    """Return a number in its shortest form, or the day of a date."""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    short = f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.3g}"
    return short.replace("-", MINUS)
