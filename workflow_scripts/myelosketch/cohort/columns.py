"""Further columns of the cohort table (age, sex, scanner, date): numbers, dates or categories, and covariates."""

import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from myelosketch.cohort.table import COLUMNS
from myelosketch.io.names import scan_name

NUMBER, DATE, CATEGORY = "number", "date", "category"
# columns with the time of a session
TIMES = ("acq_time", "date")
MAX_LEVELS, FEW = 20, 5  # see `has_levels`
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", flags=re.ASCII | re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d+,\d+", flags=re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].+)?", flags=re.ASCII)
_YEARS = range(1700, 2200)  # dates shifted to hide a person are old, and pandas supports none before 1678


def further_columns(table: pd.DataFrame) -> list[str]:
    """Return the user's own columns of a cohort table, list of str."""
    return [name for name in table.columns if name not in ("scan", *COLUMNS)]


def covariate_columns(table: pd.DataFrame) -> list[str]:
    """Return the further columns, after ``site`` if any scan has one."""
    return (["site"] if table["site"].notna().any() else []) + further_columns(table)


def adjusting_columns(table: pd.DataFrame, adjust_for: Sequence[str]) -> list[str]:
    """Return what group comparisons are adjusted for: the requested columns that the table has, and the site if
    several.

    Parameters
    ----------
    table : covariates of the scans that are compared
    adjust_for : names, as configured

    Returns
    -------
    list of str
    """
    several = "site" in table and table["site"].nunique() > 1
    return list(
        dict.fromkeys([*(name for name in adjust_for if name in table), *(["site"] if several else [])])
    )


def kind_of(values: Sequence[str]) -> str:
    """Return the kind of a column: NUMBER if all values are finite numbers, DATE if all are ISO 8601, or CATEGORY.

    Parameters
    ----------
    values : values that are not missing; a column without any is a CATEGORY

    Returns
    -------
    str
    """
    if values and all(map(_is_number, values)):
        return NUMBER
    if values and all(map(_is_date, values)):
        return DATE
    return CATEGORY


def covariates(table: pd.DataFrame) -> pd.DataFrame:
    """Return the covariates of the scans, for statistics.

    Parameters
    ----------
    table : cohort table

    Returns
    -------
    pandas.DataFrame : a row per scan (index: ``scan``), a column for each of `covariate_columns`: float, datetime64
        (UTC where a time names its zone) or Categorical with levels in alphabetical order; missing is NaN
    """
    typed = {name: typed_column(table[name]) for name in covariate_columns(table)}
    return pd.DataFrame(typed, index=table.index).set_index(pd.Index(table["scan"], name="scan"))


def typed_column(column: pd.Series) -> pd.Series:
    """Return a column of text as numbers, dates or categories, by `kind_of`; ``site`` is always a category."""
    column = column.where(column.notna(), None).astype(object)
    kind = CATEGORY if column.name == "site" else kind_of(column.dropna().tolist())
    if kind == NUMBER:
        return column.astype(float)
    if kind == DATE:
        return pd.Series([value and _date(value) for value in column], column.index, dtype="datetime64[ns]")
    return column.astype(pd.CategoricalDtype(sorted(column.dropna().unique())))


def has_levels(column: pd.Series) -> bool:
    """Return whether a category has levels; many values, or more than a few that all differ, are ids or text."""
    count = int(column.nunique())
    return count <= FEW or (count <= MAX_LEVELS and count < int(column.notna().sum()))


def describe_columns(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the entry of each covariate in the cohort's data dictionary.

    Parameters
    ----------
    table : cohort table

    Returns
    -------
    dict : column to ``Type``; ``Range`` of numbers and dates, or of categories ``Levels`` with the number of scans of
        each (only ``LevelCount`` if they are not levels, see `has_levels`); ``Missing``, scans without a value
    """
    described: dict[str, dict[str, Any]] = {}
    for name, column in covariates(table).items():
        entry: dict[str, Any] = {"Type": CATEGORY, "Missing": int(column.isna().sum())}
        if isinstance(column.dtype, pd.CategoricalDtype):
            counts = column.value_counts(sort=False)
            entry |= {"Levels": dict(counts.items())} if has_levels(column) else {"LevelCount": len(counts)}
        elif pd.api.types.is_numeric_dtype(column):
            entry |= {"Type": NUMBER, "Range": [column.min(), column.max()]}
        else:
            entry |= {"Type": DATE, "Range": [column.min().isoformat(), column.max().isoformat()]}
        described[str(name)] = entry
    return described


def column_hints(table: pd.DataFrame) -> list[str]:
    """Return sentences about values that spoil a column of numbers or dates, and about sessions not in order of time.

    Parameters
    ----------
    table : cohort table

    Returns
    -------
    list of str
    """
    spoilt = (_spoilt(name, table) for name in further_columns(table))
    return [sentence for sentence in spoilt if sentence] + list(_order_hints(table))


def _spoilt(name: str, table: pd.DataFrame) -> str:
    """Return a sentence about values that make a column a category although more than half are numbers or dates."""
    column = table[name].dropna()
    if kind_of(column.tolist()) != CATEGORY:
        return ""
    alike = {
        "number": lambda value: _is_number(value) or bool(_COMMA.fullmatch(value)),
        "date of ISO 8601": _is_date,
    }
    wanted = next((words for words, fits in alike.items() if 2 * sum(map(fits, column)) > len(column)), None)
    if wanted is None:
        return ""
    wrong = column[[not (_is_number if wanted == "number" else _is_date)(value) for value in column]]
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return (
        f"The column {name} of the cohort table is treated as a category, because {wrong.iloc[0]!r} of "
        f"{table.loc[wrong.index[0], 'scan']}{more} is not a {wanted}: correct it, or write n/a for what is missing."
    )


def _order_hints(table: pd.DataFrame) -> Iterator[str]:
    """Yield sentences about participants whose sessions are not in the order of their dates."""
    for name in [name for name in further_columns(table) if name.casefold() in TIMES]:
        dated = table[table[name].map(lambda value: isinstance(value, str) and _is_date(value)).astype(bool)]
        for subject, rows in dated.groupby("subject", sort=False):
            times = [_date(value) for value in rows[name]]
            if times != sorted(times):
                order = ", ".join(rows["session"].map(str))
                yield (
                    f"{scan_name(subject)}: its sessions are in the order {order}, which is not that of {name}; "
                    "change over time is measured in the order of the table (cohort.source: table), so put its rows "
                    "in the order of time."
                )


def _is_number(value: str) -> bool:
    return bool(_NUMBER.fullmatch(value)) and math.isfinite(float(value))


def _is_date(value: str) -> bool:
    if not _DATE.fullmatch(value):
        return False
    try:
        return datetime.fromisoformat(value).year in _YEARS
    except ValueError:
        return False


def _date(value: str) -> datetime:
    """Return a date and time without a zone: UTC if the text names a zone, else unchanged."""
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
