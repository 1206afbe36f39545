"""The paper's claims C1 to C5, tested in the measured PET and in every held-out prediction.

In simulation each claim is also tested in ``visible``, the conditional mean of DVR given noise-free myelin and
water. A claim that does not hold in this map cannot be decided in the cohort for any method.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from myelosketch.evaluation import statistics, verdicts
from myelosketch.evaluation.inference import holm
from myelosketch.evaluation.scoring import MEASURED, VISIBLE
from myelosketch.evaluation.statistics import BASELINES, CLOSER, WHITE_MATTER, by_subject, paired
from myelosketch.evaluation.summary import METRIC, REFERENCE_METHOD, read_scores
from myelosketch.io.tables import write_table

COLUMNS = (
    *("claim", "name", "source", "contrast", "method", "estimate", "ci_low", "ci_high", "statistic"),
    *("p", "p_adjusted", "effect_size", "n", "verdict", "note"),
)
CLAIM_COLUMNS = ("claim", "statement", "source", "verdict", "own_verdict", "visible_verdict", "evidence")


def claim_statistics(
    paths: Mapping[str, str | Path],
    output: str | Path,
    claims_output: str | Path,
    *,
    methods: Sequence[str],
    k: float,
    margin: float,
    alpha: float,
    bootstrap: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test every claim from the gathered tables.

    Parameters
    ----------
    paths : dict, ``regions``, ``voxelwise``, ``demyelination`` -> TSV
    output : path of ``statistics.tsv``, :data:`COLUMNS`, one row per test
    claims_output : path of ``claims.tsv``, :data:`CLAIM_COLUMNS`, one row per claim and source
    methods : list of str, without ceilings. A method without a scan gets n/a and the reason
    k : float, the configured threshold
    margin : float, DVR, of the equivalence test
    alpha : float; bootstrap : int, resamples; seed : int

    Returns
    -------
    (DataFrame, DataFrame)
    """
    tables = {name: read_scores(path) for name, path in paths.items()}
    options: dict[str, Any] = {
        "k": k,
        "margin": margin,
        "alpha": alpha,
        "draws": int(bootstrap),
        "seed": int(seed),
    }
    tests, claims = claims_from_tables(tables, methods=methods, **options)
    write_table(tests, output)
    write_table(claims, claims_output)
    return tests, claims


def claims_from_tables(
    tables: Mapping[str, pd.DataFrame],
    *,
    methods: Sequence[str],
    k: float,
    margin: float,
    alpha: float,
    draws: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Do the same as :func:`claim_statistics` with tables in memory."""
    means = statistics.subject_means(tables["regions"])
    scores = statistics.comparison_scores(tables, k)

    def tests_of(sources: Sequence[str], predicted: Sequence[str]) -> list[dict[str, Any]]:
        rows = [*statistics.white_matter_rows(means, sources, margin, alpha)]
        rows += statistics.lesion_rows(means, tables["regions"], sources, alpha)
        rows += statistics.individual_rows(means, predicted, alpha)
        rows += statistics.demyelination_rows(tables, predicted, k, draws=draws, seed=seed, alpha=alpha)
        return rows

    tests = pd.DataFrame(
        [*tests_of((MEASURED, *methods), methods), *statistics.comparison_rows(scores, methods, alpha)]
    )
    tests["p_adjusted"] = tests.groupby("family", sort=False)["p"].transform(lambda p: holm(p.to_numpy()))
    if VISIBLE in set(tables["regions"]["method"]):
        rows = tests_of((VISIBLE,), (VISIBLE,))
        # of its error to itself there is nothing to test
        error = {name: scores[name] for name in ("lesion_mae",)}
        baselines = [name for name in BASELINES if name in methods]
        rows += statistics.comparison_rows(error, baselines, alpha, reference=VISIBLE)
        tests = pd.concat([tests, _adjusted_beside(pd.DataFrame(rows), tests)], ignore_index=True)
    tests["verdict"] = [_row_verdict(row, alpha, margin) for row in tests.to_dict("records")]
    claims = pd.DataFrame(_claim_rows(tests, means, methods, alpha, margin), columns=list(CLAIM_COLUMNS))
    return tests[list(COLUMNS)], claims


def _adjusted_beside(bound: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Return the tests of ``visible`` with p adjusted as if each family contained them. No other p changes."""
    parts = []
    for family, own in bound.groupby("family", sort=False):
        reference = own["name"].str.endswith(f"_vs_{VISIBLE}").all()
        others = [] if reference else tests.loc[tests["family"] == family, "p"]
        adjusted = holm(np.concatenate([others, own["p"]]))
        parts.append(own.assign(p_adjusted=adjusted[len(others) :]))
    return pd.concat(parts)


def _row_verdict(row: Mapping[str, Any], alpha: float, margin: float) -> str:
    name = row["name"]
    if name.endswith("equivalence"):
        return verdicts.equivalence_verdict(row, alpha, margin)
    if name.startswith("icc"):
        return verdicts.icc_verdict(row)
    if name == "mean_dice":
        return "compare with trivial Dice" if np.isfinite(row["estimate"]) else f"n/a: {row['note']}"
    if row["claim"] == "C5":
        metric, reference = name.rsplit("_vs_", 1)
        return verdicts.comparison_verdict(row, alpha, METRIC[metric].better, reference)
    return verdicts.difference_verdict(row, alpha)


def likeness(means: pd.DataFrame, source: str, alpha: float) -> verdicts.Likeness:
    """Compare the spread of white-matter means between subjects with that of the measured PET.

    Parameters
    ----------
    means : DataFrame of :func:`statistics.subject_means`
    source : str, a method or ceiling
    alpha : float

    Returns
    -------
    Likeness : ``spread``, the SD within groups divided by that of the PET, and ``r``, the correlation of the two
        within groups, with its interval (Fisher's z; n - 4, because two group means are estimated). NaN where one of
        the two does not vary, or for fewer than 5 subjects
    """
    deviations = {}
    for key in (source, MEASURED):
        groups = [by_subject(means, key, "nawm", group) for group in ("MS", "HC")]
        deviations[key] = pd.concat([values - values.mean() for values in groups])
    scatter = {key: values.std() for key, values in deviations.items()}
    spread = scatter[source] / scatter[MEASURED] if scatter[MEASURED] > 0 else np.nan
    own, measured = paired(deviations[source], deviations[MEASURED])
    if own.size < 5 or min(own.std(), measured.std()) < 1e-9:
        return verdicts.Likeness(spread, np.nan, np.nan, np.nan)
    r = float(stats.pearsonr(own, measured).statistic)
    half = stats.norm.ppf(1 - alpha / 2) / np.sqrt(own.size - 4)
    with np.errstate(divide="ignore"):  # of r = 1, whose interval is 1 to 1
        low, high = np.tanh(np.arctanh(r) + np.array([-half, half]))
    return verdicts.Likeness(spread, r, float(low), float(high))


def _claim_rows(
    tests: pd.DataFrame, means: pd.DataFrame, methods: Sequence[str], alpha: float, margin: float
) -> Iterator[dict[str, Any]]:
    """Return one verdict per claim and source. In simulation it takes the verdict on ``visible`` into account."""
    records = {(row["name"], row["source"]): row for row in tests.to_dict("records")}
    simulated = ("lesion_vs_nawm", VISIBLE) in records

    def judged(claim: str, source: str) -> tuple[str, str]:
        if claim == "C1":
            pair = records["nawm_vs_hcwm", source], records["nawm_vs_hcwm_equivalence", source]
            alike = None if source == MEASURED else likeness(means, source, alpha)
            return verdicts.claim_1(*pair, alpha, margin, alike)
        if claim == "C2":
            return verdicts.claim_2(records["lesion_vs_nawm", source], alpha)
        if claim == "C3":
            iccs = {
                WHITE_MATTER: records["icc_white_matter", source],
                "lesions": records["icc_lesion", source],
            }
            return verdicts.claim_3(iccs)
        if claim == "C4":
            names = ("icc_pct_demyelinated", "mean_dice", "dice_vs_trivial")
            icc, dice, gain = (records[name, source] for name in names)
            return verdicts.claim_4(icc, dice, gain, alpha)
        rows = {
            other: {
                words: records[key]
                for metric, words in CLOSER.items()
                if (key := (f"{metric}_vs_{source}", other)) in records
            }
            for other in BASELINES
        }
        return verdicts.claim_5(rows, alpha, winner=source)

    asked = {
        claim: [*([MEASURED] if claim in ("C1", "C2") else []), *methods]
        for claim in ("C1", "C2", "C3", "C4")
    }
    asked["C5"] = [REFERENCE_METHOD] if REFERENCE_METHOD in methods else []
    for claim, sources in asked.items():
        bound = judged(claim, VISIBLE) if simulated and sources else None
        for source in sources:
            own = judged(claim, source)
            # the measured PET is the truth, not a prediction of it
            beside = None if source == MEASURED else bound
            yield _claim_row(claim, source, own, beside)
        if bound:
            yield _claim_row(claim, VISIBLE, bound, None)


def _claim_row(
    claim: str, source: str, own: tuple[str, str], bound: tuple[str, str] | None
) -> dict[str, Any]:
    verdict, evidence = verdicts.beside_bound(own, bound)
    row = {"claim": claim, "statement": verdicts.CLAIMS[claim], "source": source, "verdict": verdict}
    return row | {
        "own_verdict": own[0],
        "visible_verdict": bound[0] if bound else None,
        "evidence": evidence,
    }
