"""Tables as Markdown."""

import numpy as np


def table(header, rows):
    """A Markdown table of text.

    Parameters
    ----------
    header : list of str
    rows : list of lists of str

    Returns
    -------
    str, without a newline at its end
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(part) for part in line) + " |" for line in lines)


def number(value, digits=3):
    """A number with so many significant digits, plain; n/a if there is none."""
    if value is None or not np.isfinite(float(value)):
        return "n/a"
    text = np.format_float_positional(
        float(value), precision=digits, unique=False, fractional=False, trim="-"
    )
    return text.replace("-", "−")


def frame(data, columns, digits=3):
    """Columns of a DataFrame as a Markdown table; numbers are shortened.

    Parameters
    ----------
    data : DataFrame
    columns : dict, column -> heading
    """
    rows = [
        [value if isinstance(value, str) else number(value, digits) for value in line]
        for line in data[list(columns)].itertuples(index=False, name=None)
    ]
    return table(list(columns.values()), rows)
