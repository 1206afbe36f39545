"""What each part of the method is worth: variants of its training, scored like the configured one, by subject."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.evaluation.bootstrap import mean_interval
from myelosketch.evaluation.inference import holm, paired_difference
from myelosketch.evaluation.parts import score_scans
from myelosketch.evaluation.summary import metric_values, read_scores
from myelosketch.learning.predict import predict_scan
from myelosketch.provenance import read_json
from myelosketch.tables import write_table

KEPT = ("voxelwise", "demyelination")
COMPARED = ("lesion_mae", "mcc", "dice_minus_trivial", "pct_bias")
COLUMNS = (
    *("variant", "method", "metric", "mean", "ci_low", "ci_high", "n"),
    *("configured", "difference", "diff_ci_low", "diff_ci_high", "p_wilcoxon", "p_adjusted"),
    *("seconds", "note"),
)


def score_variant(scans, models, outputs, *, methods, settings, prediction):
    """Predict the held-out scans of a fold by the models of one variant and score them; no map is kept.

    Parameters
    ----------
    scans : list of dict, one per scan: ``scan``, ``subject``, ``group``, ``fold``, and ``files`` with what
        `learning.predict.predict_scan` and `evaluation.scoring.score_scan` read
    models : dict, method -> model folder; those that ``methods`` need
    outputs : dict, ``voxelwise`` and ``demyelination`` -> TSV to write
    methods : list of str, those that are scored
    settings : dict, as of `score_scan`
    prediction : dict, options of `predict_scan`
    """
    with tempfile.TemporaryDirectory() as folder:
        predicted = []
        for entry in scans:
            maps = {method: Path(folder) / f"{entry['scan']}_{method}.nii.gz" for method in methods}
            predict_scan(entry["files"], models, maps, **prediction)
            predicted.append(entry | {"predictions": maps, "masks": {}})
        score_scans(predicted, {name: outputs[name] for name in KEPT}, settings=settings)


def write_ablations(tables, cards, configured, output, *, variants, k, bootstrap, seed, alpha):
    """Write ``ablations.tsv`` from the scores of all variants.

    Parameters
    ----------
    tables : list of paths, ``VARIANT/fold-N/TABLE.tsv`` of every variant, fold and table of `score_variant`
    cards : list of paths, ``VARIANT/fold-N/METHOD/model.json``
    configured : dict, ``voxelwise`` and ``demyelination`` -> TSV of the configured training, all scans
    output : path
    variants : list of str, in the order of the rows
    k : float, threshold of the demyelination scores
    bootstrap, seed : int; alpha : float
    """
    parts, seconds = {}, {}
    for path in map(Path, tables):
        parts.setdefault(path.parts[-3], {}).setdefault(path.stem, []).append(read_scores(path))
    for path in map(Path, cards):
        key = path.parts[-4], path.parts[-2]
        seconds[key] = seconds.get(key, 0) + read_json(path)["seconds"]
    scores = {
        variant: {table: pd.concat(rows, ignore_index=True) for table, rows in parts[variant].items()}
        for variant in variants
    }
    given = {table: read_scores(path) for table, path in configured.items()}
    options = {"k": k, "draws": bootstrap, "seed": seed, "alpha": alpha}
    write_table(compare_variants(scores, given, seconds, **options), output)


def compare_variants(variants, configured, seconds, *, k, draws, seed, alpha):
    """Means of every variant and their differences to the configured training.

    Parameters
    ----------
    variants : dict, variant -> dict of DataFrame, ``voxelwise`` and ``demyelination``; their ``method`` says which
        model of the variant was scored
    configured : dict of DataFrame, the same of the configured training; only subjects that a variant scored count
    seconds : dict, (variant, method) -> training time
    k, alpha : float; draws, seed : int, of the bootstrap over subjects

    Returns
    -------
    DataFrame : :data:`COLUMNS`; ``difference`` is variant minus configured, its interval is the bootstrap's, and
        ``p_adjusted`` is Wilcoxon's p adjusted by Holm over the variants of a method and metric

    Raises
    ------
    InputError : a method of a variant that the configured run did not score
    """
    known = set(configured["voxelwise"].method)
    rows = []
    for metric in COMPARED:
        reference = metric_values(metric, configured, k)
        for variant, tables in variants.items():
            values = metric_values(metric, tables, k)
            for method in tables["voxelwise"].method.unique():
                if method not in known:
                    raise InputError(
                        f"The ablation {variant} scores {method}, which the configured run does not: "
                        "add it to training.methods."
                    )
                row = {"variant": variant, "method": method, "metric": metric}
                row["seconds"] = seconds.get((variant, method), np.nan)
                pair = _column(values, method), _column(reference, method)
                rows.append(row | _difference(*pair, draws=draws, seed=seed, alpha=alpha))
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "p_adjusted"])
    adjusted = table.groupby(["method", "metric"], sort=False)["p_wilcoxon"]
    table["p_adjusted"] = adjusted.transform(lambda p: holm(p.to_numpy(float)))
    return table[list(COLUMNS)]


def _column(values, method):
    return values[method].astype(float) if method in values else pd.Series(dtype=float)


def _difference(values, reference, **options):
    reference = reference.reindex(values.index)
    mean, low, high, n = mean_interval(values, **options)
    difference, diff_low, diff_high, _ = mean_interval(values - reference, **options)
    test = paired_difference(values, reference, alpha=options["alpha"])
    return {
        **{"mean": mean, "ci_low": low, "ci_high": high, "n": n},
        **{"configured": float(reference[values.notna()].mean()), "difference": difference},
        **{"diff_ci_low": diff_low, "diff_ci_high": diff_high},
        **{"p_wilcoxon": test["p"], "note": test["note"]},
    }
