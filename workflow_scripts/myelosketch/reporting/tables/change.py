"""Change between a patient's sessions, as tables of a page."""

from collections.abc import Mapping
from typing import Any

from myelosketch.reporting.tables.text import HtmlTable, number

HEADING = "Change between sessions"
SOURCES = {"predicted": "Predicted", "measured": "Measured by PET"}
WHOLE = [
    "Sessions",
    "DVR",
    "Lesions: mean DVR",
    "Change",
    "Limit",
    "Claimed",
    "Demyelinated",
    "Indices",
    "Limit",
]
NOTE = (
    "Change: later \u2212 earlier mean DVR of all lesion voxels, after the change of white matter is subtracted (an "
    "offset of the whole map is not a change of a lesion). Limit: changes up to this size also occur in white matter "
    "of the same shape and size, so they may be measurement error. Indices: share of the lesion voxels that fell "
    "below the threshold (demyelination) and that rose above it (remyelination)."
)


def change_tables(content: Mapping[str, Any]) -> list[HtmlTable]:
    """Return the tables of changes between the sessions of a participant.

    Parameters
    ----------
    content : dict, as `prediction.follow_up.measure_change` wrote it

    Returns
    -------
    list of HtmlTable : all lesions together, then each lesion
    """
    whole = [_whole(row) for row in content["changes"]]
    single = [_single(row) for row in content["lesions"]]
    header = ["Lesion", "Sessions", "DVR", "Volume (mm\u00b3)", "Mean DVR", "Change", "Limit", "Claimed"]
    return [
        HtmlTable("All lesions", WHOLE, whole, NOTE, text_columns=2)
        if whole
        else HtmlTable("All lesions", [], [], missing="No two sessions could be compared."),
        HtmlTable("Lesions one by one", header, single, folded=len(single) > 6, text_columns=3)
        if single
        else HtmlTable("Lesions one by one", [], [], missing="No lesion is large enough to be listed."),
    ]


def _pair(row: Mapping[str, Any]) -> list[str]:
    return [f"{row['session_before']} \u2192 {row['session_after']}", SOURCES[row["source"]]]


def _arrow(row: Mapping[str, Any], name: str, digits: int) -> str:
    return f"{number(row[f'{name}_before'], digits)} \u2192 {number(row[f'{name}_after'], digits)}"


def _whole(row: Mapping[str, Any]) -> list[str]:
    demyelination, remyelination = (
        number(row[f"index_{name}"], 0) for name in ("demyelination", "remyelination")
    )
    return [
        *_pair(row),
        _arrow(row, "mean_dvr", 2),
        number(row["change"], 3),
        number(row["limit"], 3),
        row["claimed"] or "n/a",
        f"{_arrow(row, 'pct_demyelinated', 0)} %",
        f"{demyelination} / {remyelination} %",
        f"{number(row['limit_index'], 0)} %",
    ]


def _single(row: Mapping[str, Any]) -> list[str]:
    return [
        number(row["lesion"], 0),
        *_pair(row),
        number(row["volume_mm3"], 0),
        _arrow(row, "mean_dvr", 2),
        number(row["change"], 3),
        number(row["limit"], 3),
        row["claimed"] or "n/a",
    ]
