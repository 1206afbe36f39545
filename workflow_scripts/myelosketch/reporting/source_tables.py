"""Tables for the figures: read and select rows, or give the reason why nothing can be drawn."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.io.tables import read_table
from myelosketch.reporting.display import method_name


class NothingToDrawError(Exception):
    """A figure has no data. The text gives the reason and is drawn instead of the figure."""


def table_to_draw(path: str | Path, columns: Sequence[str], *, numeric: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table for a figure.

    Parameters
    ----------
    path : TSV, which may be absent or without rows
    columns : names that the figure needs
    numeric : those of numbers

    Returns
    -------
    pandas.DataFrame with at least one row

    Raises
    ------
    NothingToDrawError : the table is absent or has no rows
    InputError : the table lacks a column, or holds text where a number belongs
    """
    path = Path(path)
    if not path.is_file():
        raise NothingToDrawError(f"the table {path.name} was not made in this run.")
    table = read_table(path, numeric=numeric)
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(
            f"The table {path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"found {', '.join(table.columns)}: make it again with this version."
        )
    if table.empty:
        raise NothingToDrawError(f"the table {path.name} has no rows.")
    return table


def rows_of(table: pd.DataFrame, words: str, **wanted: str | float) -> pd.DataFrame:
    """Return the rows where each named column has the value; ``words`` name what is absent if there is none.

    Numbers are compared with a tolerance, so that k = 1 finds "1.0".
    """
    keep = pd.Series(True, index=table.index)
    for column, value in wanted.items():
        if isinstance(value, int | float):
            keep &= (pd.to_numeric(table[column], errors="coerce") - value).abs() < 1e-9
        else:
            keep &= table[column] == value
    if not keep.any():
        raise NothingToDrawError(f"there is no {words}.")
    return table[keep].copy()


def finite_rows(table: pd.DataFrame, columns: Sequence[str], words: str) -> pd.DataFrame:
    """Return the rows with a number in every named column, or raise the reason if there is none."""
    kept = table.dropna(subset=list(columns)).copy()
    if kept.empty:
        raise NothingToDrawError(f"every {words} is n/a.")
    return kept


LESION_COLUMNS = ("method", "scan", "lesion", "volume_mm3", "mean_dvr_true", "mean_dvr_pred")


def lesion_rows(path: str | Path, method: str) -> pd.DataFrame:
    """Return the lesions of a method with both means, the largest disagreement first.

    Parameters
    ----------
    path : lesions.tsv
    method : the method shown

    Returns
    -------
    pandas.DataFrame : rows of the table, with ``difference`` (predicted minus true) and ``rank`` (1: the largest)
    """
    numeric = LESION_COLUMNS[3:]
    name = method_name(method)
    table = table_to_draw(path, LESION_COLUMNS, numeric=numeric)
    table = finite_rows(rows_of(table, f"lesion of {name}", method=method), numeric, "lesion mean")
    table["difference"] = table.mean_dvr_pred - table.mean_dvr_true
    table = table.iloc[table.difference.abs().mul(-1).argsort(kind="stable")]
    return table.assign(rank=range(1, len(table) + 1))
