"""The paper's claims in tables: verdict in the true PET and in each prediction, evidence, tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from myelosketch.reporting.display import method_name
from myelosketch.reporting.source_tables import table_to_draw
from myelosketch.reporting.tables.methods import LONG
from myelosketch.reporting.tables.text import HtmlTable, interval, number, or_reason, p_value, words

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

TEST_COLUMNS = (
    *("name", "source", "estimate", "ci_low", "ci_high", "p", "p_adjusted", "effect_size", "n", "verdict"),
)


@or_reason("Claims of the paper")
def claims_table(run: RunFolder) -> HtmlTable:
    """Verdict on each claim, in the true PET and in every prediction."""
    table = _claims(run)
    sources = list(dict.fromkeys(table.source))
    rows = []
    for claim, part in table.groupby("claim", sort=True):
        verdict = dict(zip(part.source, part.verdict, strict=True))
        cells = (words(verdict.get(source, "not asked")) for source in sources)
        rows.append([f"{claim}: {part.statement.iloc[0]}", *cells])
    header = ["Claim", *(method_name(source) for source in sources)]
    note = (
        "Judged in the true PET and in each held-out prediction on its own; the rules are ours. Not asked: the claim "
        "compares predictions with the PET, or one method with others."
    )
    return HtmlTable("Claims of the paper", header, rows, note, text_columns=len(header))


@or_reason("Evidence for the verdicts")
def evidence_table(run: RunFolder) -> HtmlTable:
    """The numbers that each verdict rests on."""
    table = _claims(run)
    rows = [
        [words(row.claim), method_name(row.source), words(row.verdict), words(row.evidence)]
        for row in table.itertuples()
    ]
    header = ["Claim", "In", "Verdict", "Evidence"]
    return HtmlTable("Evidence for the verdicts", header, rows, folded=True, text_columns=4)


def _claims(run: RunFolder) -> pd.DataFrame:
    columns = ("claim", "statement", "source", "verdict", "evidence")
    return table_to_draw(run.path("evaluation/claims.tsv"), columns)


@or_reason("Statistical tests")
def tests_table(run: RunFolder) -> HtmlTable:
    """All tests behind the claims."""
    table = table_to_draw(run.path("evaluation/statistics.tsv"), TEST_COLUMNS)
    rows = []
    for row in table.to_dict("records"):
        told = [row[name] for name in ("claim", "contrast", "group") if name in row and pd.notna(row[name])]
        rows.append(
            [
                words(row["name"]).replace("_", " "),
                ": ".join(told),
                method_name(row["source"]),
                words(row["verdict"]),
                interval(row["estimate"], row["ci_low"], row["ci_high"], 3),
                p_value(row["p"]),
                p_value(row["p_adjusted"]),
                number(row["effect_size"]),
                number(row["n"], 0),
            ]
        )
    header = ["Test", "Of", "In", "Verdict", "Estimate (interval)", "p", "p, Holm", "Effect size", "n"]
    note = "The test of each row, its statistic and its notes: evaluation/statistics.tsv."
    return HtmlTable("Statistical tests", header, rows, note, folded=len(rows) > LONG, text_columns=4)
