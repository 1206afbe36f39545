"""The tests behind the paper's claims C1 to C5, on the measured PET and on every held-out prediction.

There is one value per subject (scans of a subject are averaged). P values are adjusted by Holm within a family: one
claim and one kind of test, over all sources (C1, C2, C4) or sources and regions (C3). C5 has two families: the tests
that decide it (the paper's two baselines), and all other comparisons with the refiner. The verdict on C2 rests on the
paired test. Where participants have several scans, a mixed model is reported too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    icc_2_1,
    paired_difference,
)
from myelosketch.evaluation.mixed import repeated_difference
from myelosketch.evaluation.scoring import MEASURED
from myelosketch.evaluation.summary import REFERENCE_METHOD, known_metrics, metric_values

COMPARED = ("lesion_mae", "lesion_mae_visible", "brain_mae", "dice", "mcc")
# metrics that decide C5, in words; the second exists in simulation only
CLOSER = {"lesion_mae": "lesion MAE", "lesion_mae_visible": "lesion MAE to noise-free tissue"}
# the paper's other methods; C5 says that the refined map is closer to the truth than theirs
BASELINES = ("sketcher", "dnn2")
WHITE_MATTER = "WM/NAWM"


def subject_means(regions: pd.DataFrame) -> pd.DataFrame:
    """Return the mean DVR per source, subject and region.

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


def by_subject(means: pd.DataFrame, source: str, region: str, group: str | None = None) -> pd.Series:
    """Return a Series subject -> DVR, sorted by subject."""
    chosen = (means["source"] == source) & (means["region"] == region)
    if group is not None:
        chosen &= means["group"] == group
    return means[chosen].set_index("subject")["dvr"].sort_index()


def paired(first: pd.Series, second: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    joined = pd.concat([first, second], axis=1, join="inner").sort_index().to_numpy(float)
    return joined[:, 0], joined[:, 1]


def _row(
    claim: str, name: str, source: str, contrast: str, result: Mapping[str, Any], *, family: str | None = None
) -> dict[str, Any]:
    """Return the row of one test. Its Holm family is the claim with ``family``, by default the name of the test."""
    row = {
        "claim": claim,
        "name": name,
        "source": source,
        "contrast": contrast,
        "family": f"{claim} {family or name}",
    }
    return row | {key: result[key] for key in RESULT}


def white_matter_rows(
    means: pd.DataFrame, sources: Iterable[str], margin: float, alpha: float
) -> Iterator[dict[str, Any]]:
    """Test C1: NAWM of patients against white matter of controls, for difference and equivalence."""
    for source in sources:
        patients = by_subject(means, source, "nawm", "MS").to_numpy()
        controls = by_subject(means, source, "nawm", "HC").to_numpy()
        contrast = f"NAWM minus HC WM ({patients.size} MS, {controls.size} HC)"
        yield _row("C1", "nawm_vs_hcwm", source, contrast, group_difference(patients, controls, alpha=alpha))
        same = equivalence(patients, controls, margin=margin, alpha=alpha)
        yield _row("C1", "nawm_vs_hcwm_equivalence", source, contrast, same)


def lesion_rows(
    means: pd.DataFrame, regions: pd.DataFrame, sources: Iterable[str], alpha: float
) -> Iterator[dict[str, Any]]:
    """Test C2: lesions against NAWM, paired within patients, and by a mixed model if a patient has several scans."""
    for source in sources:
        lesion, nawm = paired(
            by_subject(means, source, "lesion", "MS"), by_subject(means, source, "nawm", "MS")
        )
        result = paired_difference(lesion, nawm, alpha=alpha)
        contrast = "lesions minus NAWM, within patients"
        yield _row("C2", "lesion_vs_nawm", source, contrast, result)
        data = scan_differences(regions, source)
        if data["subject"].duplicated().any():
            contrast = f"lesions minus NAWM, within {len(data)} scans"
            yield _row("C2", "lesion_vs_nawm_mixed", source, contrast, repeated_difference(data, alpha=alpha))


def scan_differences(regions: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the mean DVR of lesions minus NAWM for each patient scan that has both: subject, difference.

    Parameters
    ----------
    regions : DataFrame, ``regions.tsv``
    source : ``pet`` or a method
    """
    own = regions[(regions["n_voxels"] > 0) & (regions["group"] == "MS")]
    value = "mean_dvr_pred"
    if source == MEASURED:
        own, value = own.drop_duplicates(["scan", "region"]), "mean_dvr_true"
    else:
        own = own[own["method"] == source]
    wide = own.pivot(index=["subject", "scan"], columns="region", values=value)
    wide = wide.reindex(columns=["lesion", "nawm"]).astype(float)
    return (wide["lesion"] - wide["nawm"]).dropna().rename("difference").reset_index()


def individual_rows(means: pd.DataFrame, methods: Sequence[str], alpha: float) -> Iterator[dict[str, Any]]:
    """Test C3: agreement and bias of each participant's predicted against measured mean."""
    for method in methods:
        for region, name, who in (("nawm", "white_matter", WHITE_MATTER), ("lesion", "lesion", "lesions")):
            predicted, true = paired(by_subject(means, method, region), by_subject(means, MEASURED, region))
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
    """Test C4: demyelinated percentages, and Dice against the Dice of calling every voxel demyelinated."""
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
    """Return per metric of C5 the scores, with subjects as rows and methods as columns."""
    return {name: metric_values(name, tables, k) for name in known_metrics(COMPARED, tables)}


def comparison_rows(
    scores: Mapping[str, pd.DataFrame],
    methods: Sequence[str],
    alpha: float,
    *,
    reference: str = REFERENCE_METHOD,
) -> Iterator[dict[str, Any]]:
    """Test C5: every other method minus the refiner (or another ``reference``), paired by subject."""
    for method in methods:
        if method == reference:
            continue
        for name, wide in scores.items():
            pair = [wide[key] if key in wide else pd.Series(dtype=float) for key in (method, reference)]
            result = paired_difference(*paired(*pair), alpha=alpha)
            contrast = f"{method} minus {reference}"
            family = "claim" if method in BASELINES and name in CLOSER else "other comparison"
            yield _row("C5", f"{name}_vs_{reference}", method, contrast, result, family=family)
