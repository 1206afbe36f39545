"""The paper's claims C1 to C5, tested on the measured PET and on every held-out prediction.

One value per subject (scans of a subject are averaged). P values are adjusted by Holm within a family: one
claim and one kind of test, over all sources (C1, C2), sources and regions (C3), sources (C4), or methods and
metrics (C5). The verdict on C2 rests on the paired test; the mixed model stands beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.evaluation import verdicts
from myelosketch.evaluation.bootstrap import mean_interval
from myelosketch.evaluation.inference import (
    RESULT,
    bland_altman,
    equivalence,
    group_difference,
    holm,
    icc_2_1,
    paired_difference,
)
from myelosketch.evaluation.mixed import region_model
from myelosketch.evaluation.scoring import MEASURED
from myelosketch.evaluation.summary import METRIC, REFERENCE_METHOD, known_metrics, metric_values, read_scores
from myelosketch.io.tables import write_table

COLUMNS = (
    *("claim", "name", "source", "contrast", "method", "estimate", "ci_low", "ci_high", "statistic"),
    *("p", "p_adjusted", "effect_size", "n", "verdict", "note"),
)
CLAIM_COLUMNS = ("claim", "statement", "source", "verdict", "evidence")
COMPARED = ("lesion_mae", "lesion_mae_visible", "brain_mae", "dice", "mcc")
# metrics that C5 is judged by, in words; the second in simulation alone
CLOSER = {"lesion_mae": "lesion MAE", "lesion_mae_visible": "lesion MAE to the visible part"}
WHITE_MATTER = "WM/NAWM"


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
    methods : list of str, without ceilings; one without a scan gets n/a and the reason
    k : float, the configured one
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
    """As :func:`claim_statistics`, from and to tables in memory."""
    means = subject_means(tables["regions"])
    scores = comparison_scores(tables, k)
    rows = [*white_matter_rows(means, methods, margin, alpha), *lesion_rows(means, methods, alpha)]
    rows += individual_rows(means, methods, alpha)
    rows += demyelination_rows(tables, methods, k, draws=draws, seed=seed, alpha=alpha)
    rows += comparison_rows(scores, methods, alpha)
    tests = pd.DataFrame(rows)
    tests["p_adjusted"] = tests.groupby("family", sort=False)["p"].transform(lambda p: holm(p.to_numpy()))
    tests["verdict"] = [_row_verdict(row, alpha, margin) for row in tests.to_dict("records")]
    claims = pd.DataFrame(_claim_rows(tests, means, methods, alpha, margin), columns=list(CLAIM_COLUMNS))
    return tests[list(COLUMNS)], claims


def subject_means(regions: pd.DataFrame) -> pd.DataFrame:
    """Mean DVR per source, subject and region.

    Parameters
    ----------
    regions : DataFrame, ``regions.tsv``

    Returns
    -------
    DataFrame : source (``pet`` or a method), subject, group, fold, region, dvr; regions without a voxel are left
        out
    """
    regions = regions[regions["n_voxels"] > 0]
    measured = regions.drop_duplicates(["scan", "region"]).assign(method=MEASURED)
    measured = measured.assign(dvr=measured["mean_dvr_true"])
    both = pd.concat([measured, regions.assign(dvr=regions["mean_dvr_pred"])])
    keys = [both["method"].rename("source"), *(both[name] for name in ("subject", "group", "fold", "region"))]
    return both["dvr"].astype(float).groupby(keys).mean().reset_index()


def _by_subject(means: pd.DataFrame, source: str, region: str, group: str | None = None) -> pd.Series:
    """Series subject -> DVR, sorted by subject."""
    chosen = (means["source"] == source) & (means["region"] == region)
    if group is not None:
        chosen &= means["group"] == group
    return means[chosen].set_index("subject")["dvr"].sort_index()


def _pair(first: pd.Series, second: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    joined = pd.concat([first, second], axis=1, join="inner").sort_index().to_numpy(float)
    return joined[:, 0], joined[:, 1]


def _row(
    claim: str, name: str, source: str, contrast: str, result: Mapping[str, Any], *, family: str | None = None
) -> dict[str, Any]:
    """One test; its family for Holm is the claim with ``family``, by default with the test's name."""
    row = {
        "claim": claim,
        "name": name,
        "source": source,
        "contrast": contrast,
        "family": (claim, family or name),
    }
    return row | {key: result[key] for key in RESULT}


def white_matter_rows(
    means: pd.DataFrame, methods: Sequence[str], margin: float, alpha: float
) -> Iterator[dict[str, Any]]:
    """C1: NAWM of patients against white matter of controls, difference and equivalence."""
    for source in (MEASURED, *methods):
        patients = _by_subject(means, source, "nawm", "MS").to_numpy()
        controls = _by_subject(means, source, "nawm", "HC").to_numpy()
        contrast = f"NAWM minus HC WM ({patients.size} MS, {controls.size} HC)"
        yield _row("C1", "nawm_vs_hcwm", source, contrast, group_difference(patients, controls, alpha=alpha))
        same = equivalence(patients, controls, margin=margin, alpha=alpha)
        yield _row("C1", "nawm_vs_hcwm_equivalence", source, contrast, same)


def lesion_rows(means: pd.DataFrame, methods: Sequence[str], alpha: float) -> Iterator[dict[str, Any]]:
    """C2: lesions against NAWM, paired within patients, and by a mixed model."""
    for source in (MEASURED, *methods):
        lesion, nawm = _pair(
            _by_subject(means, source, "lesion", "MS"), _by_subject(means, source, "nawm", "MS")
        )
        result = paired_difference(lesion, nawm, alpha=alpha)
        contrast = "lesions minus NAWM, within patients"
        yield _row("C2", "lesion_vs_nawm", source, contrast, result)
        patients = (means["source"] == source) & (means["group"] == "MS")
        data = means[patients & means["region"].isin(["lesion", "nawm"])]
        yield _row("C2", "lesion_vs_nawm_mixed", source, contrast, region_model(data, alpha=alpha))


def individual_rows(means: pd.DataFrame, methods: Sequence[str], alpha: float) -> Iterator[dict[str, Any]]:
    """C3: each participant's mean, predicted against measured; agreement and bias."""
    for method in methods:
        for region, name, who in (("nawm", "white_matter", WHITE_MATTER), ("lesion", "lesion", "lesions")):
            predicted, true = _pair(_by_subject(means, method, region), _by_subject(means, MEASURED, region))
            contrast = f"{who}: predicted against measured means"
            icc = icc_2_1(np.column_stack([predicted, true]), alpha=alpha)
            yield _row("C3", f"icc_{name}", method, contrast, icc, family="icc")
            bias = bland_altman(predicted, true, alpha=alpha)
            low, high = (verdicts.number(bias[key]) for key in ("limit_low", "limit_high"))
            bias["note"] = "; ".join(filter(None, [bias["note"], f"limits of agreement {low} to {high}"]))
            yield _row("C3", f"bias_{name}", method, contrast, bias, family="bias")


def demyelination_rows(
    tables: Mapping[str, pd.DataFrame],
    methods: Sequence[str],
    k: float,
    *,
    draws: int,
    seed: int,
    alpha: float,
) -> Iterator[dict[str, Any]]:
    """C4: demyelinated percentages, and Dice beside the Dice of calling every voxel demyelinated."""
    names = ("pct_true", "pct_bias", "dice", "dice_minus_trivial")
    found = {name: metric_values(name, tables, k) for name in names}
    for method in methods:
        values = {
            name: table[method].to_numpy() if method in table else np.array([])
            for name, table in found.items()
        }
        contrast = f"% demyelinated, predicted against true, k = {k:g}"
        true = values["pct_true"]
        icc = icc_2_1(np.column_stack([true + values["pct_bias"], true]), alpha=alpha)
        yield _row("C4", "icc_pct_demyelinated", method, contrast, icc)
        bias = bland_altman(true + values["pct_bias"], true, alpha=alpha)
        yield _row("C4", "bias_pct_demyelinated", method, contrast, bias)
        mean, low, high, n = mean_interval(values["dice"], draws=draws, seed=seed, alpha=alpha)
        result: dict[str, Any] = dict.fromkeys(RESULT, np.nan)
        result |= {"estimate": mean, "ci_low": low, "ci_high": high, "n": n}
        result |= {"method": "mean over patients, bootstrap interval", "note": None}
        if n < values["dice"].size or n == 0:
            without = values["dice"].size - n
            result["note"] = f"{without} patients without a Dice: nothing demyelinated in either map"
            if not values["dice"].size:
                result["note"] = "no patient with a score"
        yield _row("C4", "mean_dice", method, f"demyelinated voxels, k = {k:g}", result)
        gain = values["dice_minus_trivial"]
        result = paired_difference(gain, np.zeros_like(gain), alpha=alpha)
        yield _row("C4", "dice_vs_trivial", method, f"Dice minus trivial Dice, k = {k:g}", result)


def comparison_scores(tables: Mapping[str, pd.DataFrame], k: float) -> dict[str, pd.DataFrame]:
    """Per metric of C5, the scores with subjects as rows and methods as columns."""
    return {name: metric_values(name, tables, k) for name in known_metrics(COMPARED, tables)}


def comparison_rows(
    scores: Mapping[str, pd.DataFrame], methods: Sequence[str], alpha: float
) -> Iterator[dict[str, Any]]:
    """C5: every other method minus the refiner, paired by subject."""
    for method in methods:
        if method == REFERENCE_METHOD:
            continue
        for name, wide in scores.items():
            pair = [
                wide[key] if key in wide else pd.Series(dtype=float) for key in (method, REFERENCE_METHOD)
            ]
            result = paired_difference(*_pair(*pair), alpha=alpha)
            contrast = f"{method} minus {REFERENCE_METHOD}"
            yield _row("C5", f"{name}_vs_refiner", method, contrast, result, family="comparison")


def _row_verdict(row: Mapping[str, Any], alpha: float, margin: float) -> str:
    name = row["name"]
    if name.endswith("equivalence"):
        return verdicts.equivalence_verdict(row, alpha, margin)
    if name.startswith("icc"):
        return verdicts.icc_verdict(row)
    if name == "mean_dice":
        return "to be read beside trivial Dice" if np.isfinite(row["estimate"]) else f"n/a: {row['note']}"
    if row["claim"] == "C5":
        return verdicts.comparison_verdict(row, alpha, METRIC[name.removesuffix("_vs_refiner")].better)
    return verdicts.difference_verdict(row, alpha)


def _spread(means: pd.DataFrame, source: str) -> float:
    """SD between subjects of the white-matter means, within groups, over that of the measured PET."""
    deviations = {}
    for key in (source, MEASURED):
        groups = [_by_subject(means, key, "nawm", group) for group in ("MS", "HC")]
        deviations[key] = pd.concat([values - values.mean() for values in groups]).std()
    return deviations[source] / deviations[MEASURED]


def _claim_rows(
    tests: pd.DataFrame, means: pd.DataFrame, methods: Sequence[str], alpha: float, margin: float
) -> Iterator[dict[str, str]]:
    """One verdict per claim and source."""
    records = {(row["name"], row["source"]): row for row in tests.to_dict("records")}

    def rows(claim: str, source: str, judged: tuple[str, str]) -> dict[str, str]:
        status, evidence = judged
        return {"claim": claim, "statement": verdicts.CLAIMS[claim], "source": source, "verdict": status} | {
            "evidence": evidence
        }

    for source in (MEASURED, *methods):
        pair = records["nawm_vs_hcwm", source], records["nawm_vs_hcwm_equivalence", source]
        yield rows("C1", source, verdicts.claim_1(*pair, alpha, margin, _spread(means, source)))
    for source in (MEASURED, *methods):
        yield rows("C2", source, verdicts.claim_2(records["lesion_vs_nawm", source], alpha))
    for source in methods:
        iccs = {WHITE_MATTER: records["icc_white_matter", source], "lesions": records["icc_lesion", source]}
        yield rows("C3", source, verdicts.claim_3(iccs))
    for source in methods:
        names = ("icc_pct_demyelinated", "mean_dice", "dice_vs_trivial")
        icc, dice, gain = (records[name, source] for name in names)
        yield rows("C4", source, verdicts.claim_4(icc, dice, gain, alpha))
    if REFERENCE_METHOD in methods:
        others = {
            words: {
                m: records[key] for m in ("sketcher", "dnn2") if (key := (f"{name}_vs_refiner", m)) in records
            }
            for name, words in CLOSER.items()
        }
        judged = {words: pairs for words, pairs in others.items() if pairs} or {CLOSER["lesion_mae"]: {}}
        yield rows("C5", REFERENCE_METHOD, verdicts.claim_5(judged, alpha))
