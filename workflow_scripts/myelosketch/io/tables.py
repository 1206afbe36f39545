"""Tab-separated tables, read and written as text, with ``n/a`` for missing values."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TextIO

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.io.provenance import write_text

MISSING = "n/a"
SHOWN = 10  # lines named in one message; the others are counted


def read_table(path: str | Path | TextIO, *, numeric: Sequence[str] | Literal[True] = ()) -> pd.DataFrame:
    """Read a TSV (or, by its suffix, CSV) as text; blank and ``n/a`` are missing.

    Parameters
    ----------
    path : str, Path, or a text stream that holds a TSV
    numeric : names of columns to convert to numbers, or True for every column that contains only numbers

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError : the table is absent, empty or malformed, or has text in a column of numbers
    """
    table = read_lines(path).reset_index(drop=True)
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


def read_lines(path: str | Path | TextIO) -> pd.DataFrame:
    """Read a TSV or CSV as text, indexed by the line of each row in the file (the first line is 1).

    Parameters, Raises : as of `read_rows`

    Returns
    -------
    pandas.DataFrame of str or NaN
    """
    header, rows = _read_cells(path)
    table = pd.DataFrame(list(rows.values()), index=list(rows), columns=header, dtype=object)
    return table.where(~table.isin(["", MISSING])).loc[:, [name != "" for name in header]]


def read_rows(path: str | Path | TextIO) -> tuple[list[str], list[dict[str, str | None]]]:
    """Read a TSV or CSV as text, without pandas: for many small tables.

    A TSV has no quoting: ``"`` is an ordinary character. A CSV may quote its cells. Blanks around a cell are removed,
    no-break spaces included. Blank rows, rows of separators only, and nameless columns without a cell are skipped.

    Parameters
    ----------
    path : str, Path, or a text stream that holds a TSV

    Returns
    -------
    columns : list of str
    rows : list of dict, column to its cell, None if it is missing

    Raises
    ------
    InputError : the table is absent, is not UTF-8, has no header, a repeated column, or a row of another length
    """
    header, rows = _read_cells(path)
    named = [(place, name) for place, name in enumerate(header) if name]
    cells = [
        {name: None if row[place] in ("", MISSING) else row[place] for place, name in named}
        for row in rows.values()
    ]
    return [name for _, name in named], cells


def _read_cells(path: str | Path | TextIO) -> tuple[list[str], dict[int, list[str]]]:
    """Return the header, and the stripped cells of each row by its line number."""
    try:
        if isinstance(path, str | Path):
            path = Path(path)
            if not path.is_file():
                raise InputError(f"The table {path} does not exist: correct its path.")
            text = path.read_bytes().decode("utf-8-sig")
            rows = _csv_rows(text) if path.suffix.lower() == ".csv" else _tsv_rows(text)
        else:
            rows = _tsv_rows(path.read())
        stripped = ((line, [cell.strip() for cell in cells]) for line, cells in rows)
        filled = {line: cells for line, cells in stripped if any(cells)}
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"The table {path} cannot be read ({error}): save it as UTF-8 text with one header line."
        ) from error
    except OSError as error:
        raise InputError(
            f"The table {path} cannot be read ({error.strerror}): correct its permissions."
        ) from error
    if not filled:
        raise InputError(f"The table {path} cannot be read (it is empty): give it one header line.")
    header = filled.pop(next(iter(filled)))
    _check_form(path, header, filled)
    return header, filled


def _tsv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Return the cells of each line by its number; lines end in LF, CRLF or CR."""
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        yield number, line.rstrip("\n").split("\t")


def _csv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Return the cells of each record by the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    first = 1
    for cells in reader:
        yield first, cells
        first = reader.line_num + 1


def _check_form(path: object, header: Sequence[str], rows: Mapping[int, Sequence[str]]) -> None:
    """Raise an error for other separators, repeated or nameless columns, and rows of another length."""
    if len(header) == 1 and re.search(r"[\t,;]", header[0]):
        raise InputError(
            f"The table {path} has only one column, {header[0]!r}: separate cells by tabs, or by commas "
            "in a .csv file."
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise InputError(f"The table {path} has the column {twice[0]!r} twice: keep one of them.")
    of_another_length = [(line, len(cells)) for line, cells in rows.items() if len(cells) != len(header)]
    if of_another_length:
        found = [f"line {line} has {count}" for line, count in of_another_length[:SHOWN]]
        more = len(of_another_length) - SHOWN
        others = f" and {more} more lines differ" if more > 0 else ""
        raise InputError(
            f"The table {path} has {len(header)} cells in its header, but {', '.join(found)}{others}: give every row "
            f"one cell per column, {MISSING} if the value is unknown."
        )
    for place, name in enumerate(header):
        line = next((line for line, cells in rows.items() if not name and cells[place]), None)
        if line:
            raise InputError(
                f"The table {path} has no name for its column {place + 1}, which line {line} fills: name it."
            )


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a data frame as TSV, atomically, without its index; missing becomes ``n/a``, floats keep 6 digits."""
    write_text(path, table_text(table))


def table_text(table: pd.DataFrame) -> str:
    """Return a TSV as `write_table` writes it, without tabs and line breaks in cells, which it cannot quote."""
    texts = table.select_dtypes(exclude="number").map(_one_cell)
    plain = table.assign(**texts).rename(columns=_one_cell)
    return str(
        plain.to_csv(
            sep="\t",
            index=False,
            na_rep=MISSING,
            float_format="%.6g",
            lineterminator="\n",
            quoting=csv.QUOTE_NONE,
        )
    )


def _one_cell(value: object) -> object:
    """Return text without tabs, line breaks and outer blanks; blank text is missing."""
    return (re.sub(r"[\t\r\n]+", " ", value).strip() or None) if isinstance(value, str) else value
