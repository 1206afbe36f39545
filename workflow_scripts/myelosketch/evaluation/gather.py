"""Store the tables of a scan in one file, and join the tables of all scans without changing a digit."""

import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.io.provenance import read_json, write_json
from myelosketch.io.tables import read_table, write_table


@contextlib.contextmanager
def as_one_file(names: Iterable[str], output: str | Path) -> Iterator[dict[str, Path]]:
    """Give paths for the tables of a scan, then store them in one JSON file: name of the table to its TSV as text.

    Parameters
    ----------
    names : of the tables
    output : path

    Yields
    ------
    dict : name to the path to write
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.tsv" for name in names}
        yield paths
        write_json(output, {name: path.read_text(encoding="utf-8") for name, path in paths.items()})


def gather_scores(files: Iterable[str | Path], outputs: Mapping[str, str | Path]) -> None:
    """Write every table of all scans.

    Parameters
    ----------
    files : list of paths that `as_one_file` wrote
    outputs : dict, name of a table to the path to write

    Raises
    ------
    InputError : no file given, or two tables with different columns
    """
    scans = {path: read_json(path) for path in files}
    for name, output in outputs.items():
        gather_tables({path: io.StringIO(tables[name]) for path, tables in scans.items()}, output)


def gather_tables(sources: Mapping[str | Path, str | Path | io.StringIO], output: str | Path) -> pd.DataFrame:
    """Concatenate tables with the same columns.

    Parameters
    ----------
    sources : dict, name for messages to what `read_table` reads. A table may consist of a header only
    output : path

    Returns
    -------
    pandas.DataFrame, text

    Raises
    ------
    InputError : no table given, or two tables with different columns
    """
    if not sources:
        raise InputError(f"There is no scan to gather into {output}: see excluded.tsv for the reasons.")
    tables = {name: read_table(source) for name, source in sources.items()}
    first, expected = next(iter(tables.items()))
    for name, table in tables.items():
        if list(table.columns) != list(expected.columns):
            raise InputError(
                f"{name} has the columns {', '.join(table.columns)}; expected those of {first}, "
                f"{', '.join(expected.columns)}: delete it and run again."
            )
    gathered = pd.concat(list(tables.values()), ignore_index=True)
    write_table(gathered, output)
    return gathered
