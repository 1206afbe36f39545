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
# columns that tell when a session was
TIMES = ("acq_time", "date")
MAX_LEVELS, FEW = 20, 5  # see `has_levels`
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", flags=re.ASCII | re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d+,\d+", flags=re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].+)?", flags=re.ASCII)
_YEARS = range(
    1700, 2200
)  # dates that were shifted to hide a person are old, and pandas knows none before 1678


def further_columns(table: pd.DataFrame) -> list[str]:
    """Columns of a cohort table that are the user's own, list of str."""
    return [name for name in table.columns if name not in ("scan", *COLUMNS)]


def covariate_columns(table: pd.DataFrame) -> list[str]:
    """Further columns, after ``site`` where any scan has one."""
    return (["site"] if table["site"].notna().any() else []) + further_columns(table)


def adjusting_columns(table: pd.DataFrame, adjust_for: Sequence[str]) -> list[str]:
    """What comparisons of groups are adjusted for: the columns asked for that the table has, and several sites.

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
    """What the values of a column are: NUMBER if all are finite numbers, DATE if all are of ISO 8601, or CATEGORY.

    Parameters
    ----------
    values : those that are not missing; without any a column is a CATEGORY

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
    """Covariates of the scans, for statistics.

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
    """A column of text as numbers, dates or categories, by `kind_of`; a ``site`` is always a category."""
    column = column.where(column.notna(), None).astype(object)
    kind = CATEGORY if column.name == "site" else kind_of(column.dropna().tolist())
    if kind == NUMBER:
        return column.astype(float)
    if kind == DATE:
        return pd.Series([value and _date(value) for value in column], column.index, dtype="datetime64[ns]")
    return column.astype(pd.CategoricalDtype(sorted(column.dropna().unique())))


def has_levels(column: pd.Series) -> bool:
    """Whether a category has levels to list: many values, or more than a few that all differ, are ids or text."""
    count = int(column.nunique())
    return count <= FEW or (count <= MAX_LEVELS and count < int(column.notna().sum()))


def describe_columns(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """What the cohort's data dictionary says of each covariate.

    Parameters
    ----------
    table : cohort table

    Returns
    -------
    dict : column to ``Type``; ``Range`` of numbers and dates, or of categories ``Levels`` with the number of scans of
        each (``LevelCount`` alone where they are no levels, see `has_levels`); ``Missing``, scans without a value
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
    """Sentences about values that spoil a column of numbers or dates, and about sessions out of the order of time.

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
    """Say which value makes a category of a column of which more than half are numbers, or dates."""
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
        f"The column {name} of the cohort table is taken as a category, because {wrong.iloc[0]!r} of "
        f"{table.loc[wrong.index[0], 'scan']}{more} is no {wanted}: correct it, or write n/a for what is missing."
    )


def _order_hints(table: pd.DataFrame) -> Iterator[str]:
    """Participants whose sessions do not stand in the order of their dates, in which change is measured."""
    for name in [name for name in further_columns(table) if name.casefold() in TIMES]:
        dated = table[table[name].map(lambda value: isinstance(value, str) and _is_date(value)).astype(bool)]
        for subject, rows in dated.groupby("subject", sort=False):
            times = [_date(value) for value in rows[name]]
            if times != sorted(times):
                order = ", ".join(rows["session"].map(str))
                yield (
                    f"{scan_name(subject)}: its sessions stand in the order {order}, which is not that of {name}; "
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
    """A date and time without a zone: UTC where the text names a zone, else as it stands."""
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
