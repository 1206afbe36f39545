"""Table of user-defined regions, measured and predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from myelosketch.evaluation.own_regions_summary import MEANS
from myelosketch.reporting.display import method_name
from myelosketch.reporting.source_tables import rows_of, table_to_draw
from myelosketch.reporting.tables.methods import LONG
from myelosketch.reporting.tables.text import HtmlTable, interval, number, or_reason, words

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

TITLE = "Regions of your own"
# tables of a run with label images; the second exists if there is an external site
TABLES = {
    "evaluation/own_regions_summary.tsv": TITLE,
    "evaluation/external/own_regions_summary.tsv": f"At external sites: {TITLE.lower()}",
}
NUMERIC = (
    *("n", "icc", "icc_ci_low", "icc_ci_high", "n_voxels", "coverage"),
    *(f"{name}{part}" for name in MEANS for part in ("", "_ci_low", "_ci_high")),
)
HEADER = ("Atlas", "Region", "Group", "Measured DVR", "Predicted DVR", "Error", "ICC(2,1)", "Voxels")
NOTE = (
    "Mean over participants (interval). Error: predicted minus measured. Coverage: share of a region's voxels in "
    "the brain where the PET has a value. n counts participants with a value of the region; an ICC needs 3. Other "
    "methods and every scan: evaluation/own_regions_summary.tsv and evaluation/own_regions.tsv."
)


def own_region_tables(run: RunFolder, *, method: str) -> list[HtmlTable]:
    """Return a table of the cross-validation and one of external sites, or none in a run without label images.

    Parameters
    ----------
    run : RunFiles or RunFolder
    method : the method shown
    """
    return [_table(title)(run, path, method) for path, title in TABLES.items() if run.path(path).is_file()]


def _table(title: str) -> Any:
    @or_reason(title)
    def build(run: RunFolder, path: str, method: str) -> HtmlTable:
        table = table_to_draw(
            run.path(path), ("atlas", "region", "group", "method", *NUMERIC), numeric=NUMERIC
        )
        table = rows_of(table, f"region of {method_name(method)}", method=method)
        rows = [_row(row) for row in table.to_dict("records")]
        header = [*HEADER, "Coverage (%)", "n"]
        named = f"{title}, {method_name(method)}"
        return HtmlTable(named, header, rows, NOTE, folded=len(rows) > LONG, text_columns=3)

    return build


def _row(row: dict[str, Any]) -> list[str]:
    means = [interval(row[name], row[f"{name}_ci_low"], row[f"{name}_ci_high"], digits=3) for name in MEANS]
    return [
        words(row["atlas"]),
        words(row["region"]),
        words(row["group"]),
        *means,
        interval(row["icc"], row["icc_ci_low"], row["icc_ci_high"]),
        number(row["n_voxels"], 0),
        number(100 * row["coverage"], 0),
        number(row["n"], 0),
    ]
