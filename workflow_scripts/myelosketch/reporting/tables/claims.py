"""The paper's claims in tables: verdict in the true PET and in each prediction, evidence, tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from myelosketch.io import names
from myelosketch.reporting.display import VISIBLE_WORDS, method_name
from myelosketch.reporting.source_tables import table_to_draw
from myelosketch.reporting.tables.methods import LONG, laddered_name
from myelosketch.reporting.tables.text import HtmlTable, interval, number, or_reason, p_value, words

if TYPE_CHECKING:
    from myelosketch.io.run_files import RunFolder

TEST_COLUMNS = (
    *("name", "source", "estimate", "ci_low", "ci_high", "p", "p_adjusted", "effect_size", "n", "verdict"),
)


@or_reason("Claims of the paper")
def claims_table(run: RunFolder) -> HtmlTable:
    """Return the verdict on each claim, in the true PET and in every prediction. Noise-free tissue comes last."""
    table = _claims(run)
    statements = table.drop_duplicates("claim").sort_values("claim")
    rows = []
    for source in sorted(dict.fromkeys(table.source), key=lambda name: name in names.CEILINGS):
        part = table[table.source == source]
        verdict = dict(zip(part.claim, part.verdict, strict=True))
        rows.append(
            [
                laddered_name(source),
                *(words(verdict.get(claim, "not applicable")) for claim in statements.claim),
            ]
        )
    header = ["Judged in", *(f"{row.claim}: {row.statement}" for row in statements.itertuples())]
    note = (
        "Each claim is judged in the true PET and in each held-out prediction separately. The rules are our choice. "
        "Not applicable: the claim compares predictions with the PET, or one method with others. C5 rests on one "
        "training of each method. Another seed may change it."
    )
    if table.source.isin(names.CEILINGS).any():
        note += (
            " Cannot be decided in this cohort: the claim does not hold in the noise-free tissue either, "
            f"{VISIBLE_WORDS}. Failing it is therefore no verdict on a method: compare "
            "its evidence with that of the noise-free tissue."
        )
    return HtmlTable("Claims of the paper", header, rows, note, text_columns=len(header))


@or_reason("Evidence for the verdicts")
def evidence_table(run: RunFolder) -> HtmlTable:
    """Return the numbers on which each verdict rests."""
    table = _claims(run)
    rows = [
        [words(row.claim), method_name(row.source), words(row.verdict), words(row.evidence)]
        for row in table.itertuples()
    ]
    header = ["Claim", "In", "Verdict", "Evidence"]
    note = (
        "p is adjusted by Holm (see the statistical tests), except in C2, where it is not, to compare it with the "
        "paper's 0.0001. The verdict on C2 goes by the adjusted p."
    )
    return HtmlTable("Evidence for the verdicts", header, rows, note, folded=True, text_columns=4)


def _claims(run: RunFolder) -> pd.DataFrame:
    columns = ("claim", "statement", "source", "verdict", "evidence")
    return table_to_draw(run.path("evaluation/claims.tsv"), columns)


@or_reason("Statistical tests")
def tests_table(run: RunFolder) -> HtmlTable:
    """Return all tests behind the claims."""
    table = table_to_draw(run.path("evaluation/statistics.tsv"), TEST_COLUMNS)
    rows = []
    for row in table.to_dict("records"):
        told = [row[key] for key in ("claim", "contrast", "group") if key in row and pd.notna(row[key])]
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
    note = (
        "p, Holm: adjusted within a family, which is one claim and one kind of test over all methods. In C1 and C2 "
        "the family includes the true PET, in C3 both regions. C5 has two families: the paper's two baselines by the "
        "scores that decide the claim, and all other comparisons with the refiner. In simulation the noise-free "
        "tissue is adjusted as one more method, which changes no other p. Tests: Mann\u2013Whitney U between groups, "
        "two one-sided Welch tests for equivalence, Wilcoxon signed-rank within participants, F test of ICC = 0. "
        "Intervals: Student's or Welch's, from the F distribution for an ICC, by bootstrap for the mean Dice. That "
        "of an equivalence test leaves out twice as much as the others (10 % where they leave out 5 %). Effect size: "
        "Hedges' g between groups, mean of the differences over their SD within participants, the ICC itself. Test, "
        "statistic and notes of each row: evaluation/statistics.tsv."
    )
    return HtmlTable("Statistical tests", header, rows, note, folded=len(rows) > LONG, text_columns=4)
