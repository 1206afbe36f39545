"""Tables of the participants and of the quality of the registrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from myelosketch.io import names
from myelosketch.reporting.display import region_name
from myelosketch.reporting.source_tables import NothingToDrawError, table_to_draw
from myelosketch.reporting.tables.methods import LONG
from myelosketch.reporting.tables.text import HtmlTable, number, or_reason, words

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

QUALITY = "registration/qc.tsv"
# measures of registration/qc.tsv: name, whether a high value is bad, number of digits
MEASURES = {
    "coverage": ("Coverage of the brain", False, 3),
    "overlap": ("Overlap of the brain masks", False, 3),
    "nmi": ("Normalised mutual information", False, 3),
    "border_shift_mm": ("Shift of that border (mm)", True, 2),
    "inverse_mm": ("Inverse consistency (mm)", True, 2),
    "repeat_mm": ("Distance between starts (mm)", True, 2),
    "stretch_mm": ("Stretch (mm)", True, 2),
}
WORST_FIRST = ("failed", "accepted")


@or_reason("Participants and folds")
def fold_table(run: RunFolder) -> HtmlTable:
    """Return the number of patients and controls held out in each fold."""
    folds = table_to_draw(run.path("cohort/folds.tsv"), ("subject", "group", "fold"))
    people = folds.drop_duplicates("subject")
    counts = people.groupby(["fold", "group"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=["MS", "HC"], fill_value=0)
    counts = counts.loc[sorted(counts.index, key=lambda fold: (len(fold), fold))]
    rows = [
        [
            "External site" if fold == "0" else f"Fold {fold}",
            *(str(int(n)) for n in row),
            str(int(row.sum())),
        ]
        for fold, row in counts.iterrows()
    ]
    total = counts.sum()
    rows.append(["All", *(str(int(n)) for n in total), str(int(total.sum()))])
    header = ["Held out in", "Patients (MS)", "Controls (HC)", "Participants"]
    note = "Every participant is held out once. All scans of a participant are in the same fold."
    if "0" in counts.index:
        note += " No model learns from participants of an external site. They are scored separately."
    return HtmlTable("Participants and folds", header, rows, note)


@or_reason("Left out")
def excluded_table(run: RunFolder) -> HtmlTable:
    """Return the scans left out, with the reason."""
    path = run.path("cohort/excluded.tsv")
    try:
        excluded = table_to_draw(path, ("reason",))
    except NothingToDrawError:
        if not path.is_file():
            raise
        return HtmlTable("Left out", [], [], missing="No scan was left out.")
    who = "scan" if "scan" in excluded else excluded.columns[0]
    rows = [[words(name), words(reason)] for name, reason in zip(excluded[who], excluded.reason, strict=True)]
    return HtmlTable("Left out", ["Scan", "Reason"], rows, text_columns=2, folded=len(rows) > LONG)


def flair_scans(run: RunFolder) -> list[str]:
    """Return the scans whose lesions were found on FLAIR, not drawn by a reader. Empty without such a table."""
    try:
        table = table_to_draw(run.path(QUALITY), ("scan", "lesion_source"))
    except NothingToDrawError:
        return []
    return sorted(table.scan[table.lesion_source == "flair"].unique())


@or_reason("Verdicts on the registrations")
def quality_table(run: RunFolder) -> HtmlTable:
    """Count the registrations of each modality that are good, were accepted by the user, or failed."""
    table = table_to_draw(run.path(QUALITY), ("scan", "modality", "verdict"))
    verdicts = ["ok", *reversed(WORST_FIRST)]
    verdicts += sorted(set(table.verdict.dropna()) - set(verdicts))
    counts = table.groupby(["modality", "verdict"], sort=False).size().unstack(fill_value=0)
    rows = [
        [modality, str(int(row.sum())), *(str(int(row.get(verdict, 0))) for verdict in verdicts)]
        for modality, row in counts.iterrows()
    ]
    header = ["Modality", "Registrations", *(verdict.capitalize() for verdict in verdicts)]
    note = "Each registration is compared with limits of the configuration. Accepted: failed, but kept by the user."
    return HtmlTable("Verdicts on the registrations", header, rows, note)


@or_reason("Worst registrations")
def worst_table(run: RunFolder) -> HtmlTable:
    """Return the failed and accepted registrations with the reason or, if none, the worst scan by each measure."""
    table = table_to_draw(run.path(QUALITY), ("scan", "modality", "verdict"))
    judged = table[table.verdict.isin(WORST_FIRST)]
    if len(judged):
        order = sorted(
            judged.to_dict("records"), key=lambda row: (WORST_FIRST.index(row["verdict"]), row["scan"])
        )
        rows = [[row["scan"], row["modality"], row["verdict"], words(row.get("reason"))] for row in order]
        header = ["Scan", "Modality", "Verdict", "Reason"]
        return HtmlTable("Worst registrations", header, rows, folded=len(rows) > LONG, text_columns=4)
    rows = []
    for column, (name, high_is_bad, digits) in MEASURES.items():
        values = (
            pd.to_numeric(table.get(column), errors="coerce") if column in table else pd.Series(dtype=float)
        )
        for modality, part in table.assign(value=values).groupby("modality", sort=False):
            part = part.dropna(subset=["value"])
            if len(part):
                worst = part.loc[part.value.idxmax() if high_is_bad else part.value.idxmin()]
                rows.append(
                    [
                        name,
                        modality,
                        worst["scan"],
                        number(worst.value, digits),
                        number(part.value.median(), digits),
                    ]
                )
    if not rows:
        raise NothingToDrawError("the table qc.tsv contains none of the measures.")
    header = ["Measure", "Modality", "Worst scan", "Its value", "Median of all"]
    return HtmlTable("Worst registrations", header, rows, "None failed.", folded=True, text_columns=3)


@or_reason("Registration error")
def registration_table(run: RunFolder) -> HtmlTable:
    """Return the registration error per modality over all scans."""
    columns = ("scan", "modality", "median_mm", "p95_mm", "max_mm")
    table = table_to_draw(run.path("evaluation/registration_error.tsv"), columns, numeric=columns[2:])
    rows = [
        [
            modality,
            str(len(part)),
            number(part.median_mm.median()),
            number(part.p95_mm.median()),
            number(part.max_mm.max()),
        ]
        for modality, part in table.groupby("modality", sort=False)
    ]
    header = ["Modality", "Scans", "Median (mm)", "95th percentile (mm)", "Largest of any voxel (mm)"]
    note = "Median over scans of each scan's median and 95th percentile. Last column: the worst voxel of all scans."
    return HtmlTable("Registration error against the true pose", header, rows, note)


@or_reason("Volume of the regions")
def region_table(run: RunFolder) -> HtmlTable:
    """Return the volume of each region by group."""
    table = table_to_draw(
        run.path("evaluation/region_volumes.tsv"),
        ("scan", "group", "region", "volume_ml"),
        numeric=("volume_ml",),
    )
    rows = []
    for group, region in (
        (group, region) for group in names.GROUPS for region in ("nawm", "lesion", "other")
    ):
        part = table[(table.group == group) & (table.region == region)].volume_ml.dropna()
        if len(part) and not (group == "HC" and part.max() == 0):
            label = "Healthy WM" if (group, region) == ("HC", "nawm") else region_name(region)
            values = [number(value, 1) for value in (part.median(), part.min(), part.max())]
            rows.append([group, label, str(len(part)), *values])
    header = ["Group", "Region", "Scans", "Median (mL)", "Smallest (mL)", "Largest (mL)"]
    return HtmlTable("Volume of the regions on the PET grid", header, rows, text_columns=2)
