"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table.

    Parameters
    ----------
    header : list of str
    rows : list of lists of str

    Returns
    -------
    str, without a newline at the end
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(part) for part in line) + " |" for line in lines)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as plain text with ``digits`` significant digits; n/a for None, NaN and infinity."""
    if value is None or not np.isfinite(float(value)):
        return "n/a"
    text = np.format_float_positional(
        float(value), precision=digits, unique=False, fractional=False, trim="-"
    )
    return text.replace("-", "−")


def frame(data: pd.DataFrame, columns: Mapping[str, str], digits: int = 3) -> str:
    """Return columns of a DataFrame as a Markdown table; numbers are shortened.

    Parameters
    ----------
    data : DataFrame
    columns : dict, heading by column
    """
    rows = [
        [value if isinstance(value, str) else number(value, digits) for value in line]
        for line in data[list(columns)].itertuples(index=False, name=None)
    ]
    return table(list(columns.values()), rows)
