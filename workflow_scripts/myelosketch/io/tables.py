"""Tab-separated tables: text in, text out, ``n/a`` for what is missing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TextIO

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.io.provenance import write_text

MISSING = "n/a"


def read_table(path: str | Path | TextIO, *, numeric: Sequence[str] | Literal[True] = ()) -> pd.DataFrame:
    """Read a TSV (or, by its suffix, CSV) as text; blank and ``n/a`` are missing.

    Parameters
    ----------
    path : str, Path, or a text stream that holds a TSV
    numeric : names of columns to convert to numbers, or True for every column that is wholly numeric

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError : absent, empty or malformed table, or text where a number belongs
    """
    separator = "\t"
    if not hasattr(path, "read"):
        path = Path(path)
        if not path.is_file():
            raise InputError(f"The table {path} does not exist: correct its path.")
        separator = "," if path.suffix.lower() == ".csv" else "\t"
    try:
        table = pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            keep_default_na=False,
            na_values=["", MISSING],
            encoding="utf-8-sig",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(
            f"The table {path} cannot be read ({error}): save it as UTF-8 text, one header line."
        ) from error
    columns = table.columns if numeric is True else [name for name in numeric if name in table]
    for name in columns:
        converted = pd.to_numeric(table[name], errors="coerce")
        if converted.isna().equals(table[name].isna()):
            table[name] = converted
        elif numeric is not True:
            bad = table.loc[converted.isna() & table[name].notna(), name].iloc[0]
            raise InputError(
                f"The table {path} has {bad!r} in column {name}; expected a number or {MISSING}."
            )
    return table


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a data frame as TSV, atomically, without its index; missing becomes ``n/a``, floats keep 6 digits."""
    write_text(path, table_text(table))


def table_text(table: pd.DataFrame) -> str:
    """Text of a TSV as `write_table` writes it."""
    return str(table.to_csv(sep="\t", index=False, na_rep=MISSING, float_format="%.6g", lineterminator="\n"))
