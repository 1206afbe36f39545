"""Tables of one patient: scores of every method, each lesion, registration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myelosketch.errors import InputError
from myelosketch.reporting.display import ladder_order, method_name
from myelosketch.reporting.source_tables import NothingToDrawError, rows_of, table_to_draw
from myelosketch.reporting.tables.cohort import QUALITY
from myelosketch.reporting.tables.methods import laddered_name
from myelosketch.reporting.tables.text import HtmlTable, number, or_reason, remark, words

if TYPE_CHECKING:
    import pandas as pd

    from myelosketch.io.run_files import RunFolder

VOXELWISE = ("mae", "bias")
SHARES = ("pct_true", "pct_pred", "dice", "trivial_dice", "mcc")
LESION = ("volume_mm3", "mean_dvr_true", "mean_dvr_pred", "pct_true", "pct_pred")
LONG = 12


class PatientTables:
    """Tables of the run, each read once for all patients.

    Parameters
    ----------
    run : RunFiles or RunFolder
    folder : evaluation, or evaluation/external
    k : threshold
    """

    def __init__(self, run: RunFolder, folder: str, *, k: float) -> None:
        self._run, self._folder, self._k = run, folder, k
        self._read: dict[Path, pd.DataFrame | NothingToDrawError] = {}

    def of(self, scan: str, *, methods: Sequence[str], method: str) -> list[HtmlTable]:
        """Return the tables of one scan: scores of every method, lesions, and registration if it was judged."""
        tables = [self._scores(scan), self._lesions(scan, method=method)]
        means = self._lesion_means(scan, methods=methods)
        tables += [] if means.missing else [means]  # the table before gives the same reason
        quality = self._quality(scan)
        return tables if quality is None else [*tables, quality]

    def lesions(self, scan: str, *, method: str) -> list[dict[str, Any]]:
        """Return the rows of lesions.tsv of a scan, largest first, or none if the run has none for it."""
        try:
            table = self._lesion_rows(scan)
        except (NothingToDrawError, InputError):
            return []
        return (
            table[table.method == method].dropna(subset=["mean_dvr_true", "mean_dvr_pred"]).to_dict("records")
        )

    def _table(self, path: Path, columns: Sequence[str], numeric: Sequence[str]) -> pd.DataFrame:
        """Return a table of the run, read once, or the reason why there is none."""
        if path not in self._read:
            try:
                self._read[path] = table_to_draw(path, columns, numeric=numeric)
            except NothingToDrawError as reason:
                self._read[path] = reason
        found = self._read[path]
        if isinstance(found, NothingToDrawError):
            raise found
        return found

    @or_reason("Scores of this patient")
    def _scores(self, scan: str) -> HtmlTable:
        voxelwise = self._table(
            self._run.path(f"{self._folder}/voxelwise.tsv"),
            ("method", "scan", "region", *VOXELWISE),
            VOXELWISE,
        )
        voxelwise = rows_of(voxelwise, f"score of {scan} in lesions", scan=scan, region="lesion")
        shares = self._table(
            self._run.path(f"{self._folder}/demyelination.tsv"),
            ("method", "scan", "k", *SHARES),
            ("k", *SHARES),
        )
        shares = shares[(shares.scan == scan) & ((shares.k - self._k).abs() < 1e-9)].set_index("method")
        voxelwise = voxelwise.set_index("method")
        rows = []
        for method in ladder_order(voxelwise.index):
            error = [number(voxelwise.loc[method, name], 3) for name in VOXELWISE]
            share = shares.loc[method] if method in shares.index else {}
            digits = (1, 1, 2, 2, 2)
            cells = [number(share.get(name), places) for name, places in zip(SHARES, digits, strict=True)]
            rows.append([laddered_name(method), *error, *cells])
        header = ["Method", "Lesion MAE (DVR)", "Lesion bias (DVR)", "Demyelinated, true (%)"]
        header += ["Demyelinated, predicted (%)", "Dice", "Trivial Dice", "MCC"]
        note = (
            f"Demyelinated: DVR below mean \u2212 {self._k:g} SD of healthy white matter. MCC: 0 is chance."
        )
        return HtmlTable("Scores of this patient, held out of training", header, rows, note)

    @or_reason("Lesions one by one")
    def _lesions(self, scan: str, *, method: str) -> HtmlTable:
        table = self._lesion_rows(scan)
        told = [name for name in ("place", "kind") if name in table and table[name].notna().any()]
        rows = [
            [
                number(row["lesion"], 0),
                *(words(row[name]).replace("_", " ") for name in told),
                number(row["volume_mm3"], 0),
                number(row["mean_dvr_true"]),
                number(row["mean_dvr_pred"]),
                number(row["pct_true"], 0),
                number(row["pct_pred"], 0),
            ]
            for row in table[table.method == method].to_dict("records")
        ]
        header = ["Lesion", *(name.capitalize() for name in told), "Volume (mm\u00b3)"]
        header += ["Mean DVR, true", "Mean DVR, predicted"]
        header += ["Demyelinated, true (%)", "Demyelinated, predicted (%)"]
        pictured = (number(row["lesion"], 0) for row in self.lesions(scan, method=method))
        links = {name: f"#lesion-{name}" for name in pictured}
        note = "Numbered from the largest. Lesions below the minimum volume count in the scores above only."
        return HtmlTable(
            f"Lesions one by one, {method_name(method)}", header, rows, note, folded=len(rows) > LONG,
            text_columns=1 + len(told), links=links,
        )  # fmt: skip

    @or_reason("Mean DVR of each lesion by every method")
    def _lesion_means(self, scan: str, *, methods: Sequence[str]) -> HtmlTable:
        table = self._lesion_rows(scan)
        true = table.drop_duplicates("lesion").set_index("lesion").mean_dvr_true
        means = table.pivot(index="lesion", columns="method", values="mean_dvr_pred")
        listed = [name for name in ladder_order(means.columns) if name in methods]
        rows = [
            [
                number(lesion, 0),
                number(true[lesion]),
                *(number(means.loc[lesion, name]) for name in listed),
            ]
            for lesion in means.index
        ]
        header = ["Lesion", "True", *(method_name(name, short=True) for name in listed)]
        return HtmlTable("Mean DVR of each lesion by every method", header, rows, folded=len(rows) > LONG)

    def _lesion_rows(self, scan: str) -> pd.DataFrame:
        """Return the rows of lesions.tsv of a scan, largest lesion first."""
        table = self._table(
            self._run.path(f"{self._folder}/lesions.tsv"),
            ("method", "scan", "lesion", *LESION),
            ("lesion", *LESION),
        )
        return rows_of(table, f"lesion of {scan} above the minimum volume", scan=scan).sort_values("lesion")

    def _quality(self, scan: str) -> HtmlTable | None:
        """Return the verdicts on the registration of a scan, None if they were not judged in this run."""
        try:
            table = self._table(self._run.path(QUALITY), ("scan", "modality", "verdict"), ())
        except NothingToDrawError:
            return None
        rows = [
            [row["modality"], row["verdict"], remark(row.get("reason"))]
            for row in table[table.scan == scan].to_dict("records")
        ]
        if not rows:
            return None
        return HtmlTable("Registration", ["Modality", "Verdict", "Reason"], rows, text_columns=3)
