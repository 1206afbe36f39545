"""Judge registrations: compare numbers with limits, write one table of the cohort, and stop the run if one fails."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from myelosketch.errors import InputError
from myelosketch.imaging.files import IDENTITY
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table, write_table

OK, FAILED, ACCEPTED = "ok", "failed", "accepted"
NUMBERS = (
    "coverage", "overlap", "nmi", "border_contrast", "border_shift_mm", "inverse_mm", "repeat_mm", "repeat_max_mm",
    "stretch_mm",
)  # fmt: skip
TABLE_COLUMNS = ["scan", "group", "modality", "verdict", "reason", *NUMBERS, "lesion_source", "given"]
# the template is another brain and is placed by an affine: both of its distances have one limit of their own
TEMPLATE = "MNI152"
# an image that also shows skin and fat, which shift with the sequence, may stretch this many times as much
WHOLE_HEAD = 2.0
# these complete "<scan>: <modality> ...". Mutual information and contrast depend on a scanner's noise, so they are
# shown but not judged
REASONS = {
    "coverage": "shows {found:.0%} of the brain (at least {limit:.0%} expected)",
    "overlap": "overlaps the brain with a Dice of only {found:.2f} (at least {limit:g} expected)",
    "border_shift_mm": "has its white-grey border {found:.1f} mm away from that of the T1w (at most "
    "{limit:g} mm expected)",
    "inverse_mm": "is placed {found:.1f} mm away when registered in the opposite direction (at most "
    "{limit:g} mm expected)",
    "repeat_mm": "is placed {found:.1f} mm away when registered again (at most {limit:g} mm expected)",
    "stretch_mm": "fits better by {found:.1f} mm when its size and shape are free (at most {limit:g} mm expected)",
}
AT_LEAST = ("coverage", "overlap")
# a head of another shape fails these, although a repeated registration finds the same place
OF_ANOTHER = ("border_shift_mm", "stretch_mm")


def problems(row: Mapping[str, Any], limits: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with one modality.

    Parameters
    ----------
    row : dict, one of ``rows`` in the JSON of ``quality.check_registration``
    limits : dict, ``registration.quality`` of the configuration

    Returns
    -------
    list of str, each completing "<scan>: <modality> ..."; empty if nothing is
    """
    if row.get("problem"):
        return _said_of_given(row, [f"cannot be checked, because {row['problem']}"], limits)
    found = []
    for name, sentence in REASONS.items():
        value, limit = row.get(name), _limit(row, name, limits)
        if value is None or limit is None:
            continue
        if value < limit if name in AT_LEAST else not value <= limit:
            found.append((name, sentence.format(found=value, limit=limit)))
    sentences = [sentence for _, sentence in found]
    if found and all(name in (*OF_ANOTHER, "overlap") for name, _ in found):
        sentences[-1] += ", as an image of another participant would"
    return _said_of_given(row, sentences, limits)


def _said_of_given(row: Mapping[str, Any], sentences: list[str], limits: Mapping[str, Any]) -> list[str]:
    """Return the same sentences; for a given alignment, with its name and what to do about it."""
    if not sentences or not row.get("given"):
        return sentences
    modality, turned = row["modality"], row.get("turned_repeat_mm")
    if row["given"] == IDENTITY:
        by, way = "in its own position (registration.given)", "is it in the space of the T1w?"
    else:
        by = f"as placed by the given transform ({row['given']})"
        way = f"does it map {modality} to T1w?"
        if turned is not None and turned <= limits["repeat_mm"]:
            way = f"its inverse fits: give the transform from {modality} to T1w"
    said = [f"{by} {sentences[0]}", *sentences[1:]]
    said[-1] += f"; {way}"
    return said


def _limit(row: Mapping[str, Any], name: str, limits: Mapping[str, Any]) -> float | None:
    """Return the limit of one number of a row, None if it is not judged."""
    if row["modality"] == TEMPLATE:
        return limits["template_mm"] if name in ("inverse_mm", "repeat_mm") else None
    whole_head = name == "stretch_mm" and row.get("overlap") is None
    return limits[name] * (WHOLE_HEAD if whole_head else 1)


def gather_quality(
    jsons: Iterable[str | Path],
    output: str | Path,
    limits: Mapping[str, Any],
    accept: Mapping[str, Sequence[str]],
) -> None:
    """Write the table of the quality control: one row per scan and modality.

    Parameters
    ----------
    jsons : paths of the JSON files of ``quality.check_registration``
    output : path of qc.tsv (TABLE_COLUMNS)
    limits : dict, ``registration.quality`` of the configuration
    accept : dict, ``registration.accept``: scan to names of modalities
    """
    write_table(judge(jsons, limits, accept), output)


def judge(
    jsons: Iterable[str | Path], limits: Mapping[str, Any], accept: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return the table of `gather_quality`: pandas.DataFrame."""
    rows = [
        _row(scan, row, limits, accept)
        for scan in (read_json(path) for path in jsons)
        for row in scan["rows"]
    ]
    return pd.DataFrame(rows, columns=TABLE_COLUMNS)


def refuse_registrations(
    jsons: Iterable[str | Path], limits: Mapping[str, Any], accept: Mapping[str, Sequence[str]]
) -> None:
    """Raise an error if a registration failed and is not accepted, so that nothing learns from its scan.

    Parameters
    ----------
    jsons, limits, accept : see `gather_quality`

    Raises
    ------
    InputError : every failed registration, and what to do
    """
    _stop_if_failed(judge(jsons, limits, accept))


def _row(
    scan: Mapping[str, Any],
    row: Mapping[str, Any],
    limits: Mapping[str, Any],
    accept: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    found = problems(row, limits)
    accepted = row["modality"] in accept.get(scan["scan"], ())
    return {name: row.get(name) for name in NUMBERS} | {
        "scan": scan["scan"],
        "group": scan["group"],
        "modality": row["modality"],
        "verdict": (ACCEPTED if accepted else FAILED) if found else OK,
        "reason": " and ".join(found) or None,
        "lesion_source": scan["lesion_source"],
        "given": row.get("given"),
    }


def admit_registrations(table: str | Path, output: str | Path) -> None:
    """Raise an error with all failed registrations, or write the table of admitted scans.

    Parameters
    ----------
    table : path of qc.tsv
    output : path of the table of admitted scans: scan, group, verdict

    Raises
    ------
    InputError : every failed registration, and what to do
    """
    judged = read_table(table)
    judged = judged.astype(object).where(judged.notna(), None)
    _stop_if_failed(judged)
    admitted = judged.groupby("scan", sort=False, as_index=False).agg(
        {"group": "first", "verdict": lambda verdicts: ACCEPTED if (verdicts == ACCEPTED).any() else OK}
    )
    write_table(admitted, output)


def _stop_if_failed(judged: pd.DataFrame) -> None:
    failed = judged[judged.verdict == FAILED]
    if failed.empty:
        return
    what = "; ".join(f"{row.scan}: {row.modality} {row.reason}" for row in failed.itertuples())
    by_scan = failed.groupby("scan", sort=False).modality.apply(list)
    accept = ", ".join(f"{scan}: [{', '.join(modalities)}]" for scan, modalities in by_scan.items())
    raise InputError(
        f"The quality control of the registration failed ({what}): look at the pictures in "
        "registration/scans in the results folder. Leave the scans out with this line in the configuration: "
        f"cohort: {{exclude: [{', '.join(by_scan.index)}]}}; or accept what is correct with "
        f"registration: {{accept: {{{accept}}}}}. Then run the same command again: it continues."
    )
