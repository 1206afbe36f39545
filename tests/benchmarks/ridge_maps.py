"""The value of each MRI map for the linear model: both ridges of a fold, fitted again without one map.

    python tests/benchmarks/ridge_maps.py RESULTS OUT --fold 1

RESULTS and the scores are as in settings.py; a fit takes seconds. Prints the mean over the patients that the fold
holds out and, for each map left out, the difference to the model of all four with its 95 % interval.
"""

import argparse
from pathlib import Path

import pandas as pd
from settings import Bench

from myelosketch.evaluation.bootstrap import mean_interval
from myelosketch.io.names import INPUT_MAPS
from myelosketch.learning.baselines import fit_baseline
from myelosketch.learning.ladder import RIDGE_METHODS
from myelosketch.learning.ridge import RidgeModel

SCORES = ("lesion_mae", "lesion_bias", "mcc", "error_to_visible", "brain_mae")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fold", default="1")
    arguments = parser.parse_args()
    bench = Bench(arguments.results, arguments.out, arguments.fold, threads=1)
    for method in RIDGE_METHODS:
        compare_maps(bench, method, arguments.out / method)


def compare_maps(bench, method, out):
    """Print the scores of a linear model of all maps, and what leaving one out changes."""
    whole = scores(bench, method, INPUT_MAPS, out / "all")
    print(f"{method}, all maps", "  ".join(f"{name} {whole[name].mean():.4f}" for name in SCORES))
    for left_out in INPUT_MAPS:
        kept = [name for name in INPUT_MAPS if name != left_out]
        difference = scores(bench, method, kept, out / f"without_{left_out}") - whole
        cells = []
        for name in SCORES:
            mean, low, high, _ = mean_interval(difference[name].to_numpy(), draws=10000, seed=1, alpha=0.05)
            cells.append(f"{name} {mean:+.4f} ({low:+.4f}, {high:+.4f})")
        print(f"without {left_out:6}", "  ".join(cells), flush=True)


def scores(bench, method, inputs, folder):
    """Scores of a ridge that sees these maps: one row per held-out patient."""
    settings = {"inputs": inputs, "ridge": bench.config["training"]["ridge"]}
    fit_baseline(method, bench.scans, folder, settings=settings)
    ridge = RidgeModel.load(folder)
    rows = {
        subject: bench.scores_of(subject, ridge.predict(patient["maps"].data, patient["maps"].support))
        for subject, patient in bench.patients.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


if __name__ == "__main__":
    main()
