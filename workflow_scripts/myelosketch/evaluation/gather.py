"""The tables of single scans put together, one row after the other, digits untouched."""

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.tables import read_table, write_table


def gather_all(paths, outputs):
    """Every table of all scans.

    Parameters
    ----------
    paths : list of paths, scan after scan, each scan's tables in the order of ``outputs``
    outputs : list of paths

    Raises
    ------
    InputError : as :func:`gather_tables`
    """
    for number, output in enumerate(outputs):
        gather_tables(paths[number :: len(outputs)], output)


def gather_tables(paths, output):
    """Concatenate tables with the same columns.

    Parameters
    ----------
    paths : list of paths, TSV; a table may hold a header only
    output : path

    Returns
    -------
    pandas.DataFrame, text

    Raises
    ------
    InputError : no table given, or two tables with different columns
    """
    if not paths:
        raise InputError(f"There is no scan to gather into {output}: see excluded.tsv for the reasons.")
    tables = [read_table(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if list(table.columns) != list(tables[0].columns):
            raise InputError(
                f"{path} has the columns {', '.join(table.columns)}; expected those of {paths[0]}, "
                f"{', '.join(tables[0].columns)}: delete it and run again."
            )
    gathered = pd.concat(tables, ignore_index=True)
    write_table(gathered, output)
    return gathered
