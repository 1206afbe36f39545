"""How often intervals of a mean over patients and seeds cover the true mean: three methods of evaluation/crossed.py.

python tests/benchmarks/crossed_intervals.py [tables]
"""

import sys
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm

from myelosketch.evaluation.crossed import crossed_mean

N_PATIENTS, N_SEEDS, SLOW = 100, 5, 100
# standard deviation of patients, seeds and rest
SCENES = {
    "seeds differ by nothing": (1, 0, 0.5),
    "a little": (1, 0.05, 0.5),
    "as much as the patients' mean": (1, 0.1, 0.5),
    "more than all else": (1, 0.5, 0.5),
    "patients alike": (0, 0.1, 1),
}


def bootstrap(values, generator, draws=500):
    """Percentiles of means over patients and seeds drawn with replacement."""
    rows = generator.multinomial(N_PATIENTS, np.full(N_PATIENTS, 1 / N_PATIENTS), draws) / N_PATIENTS
    columns = generator.multinomial(N_SEEDS, np.full(N_SEEDS, 1 / N_SEEDS), draws) / N_SEEDS
    return np.percentile(np.einsum("dp,ps,ds->d", rows, values, columns), [2.5, 97.5])


def mixed(values):
    """The normal interval of MixedLM with crossed variance components."""
    table = pd.DataFrame(
        {
            "y": values.ravel(),
            "p": np.repeat(range(N_PATIENTS), N_SEEDS),
            "s": np.tile(range(N_SEEDS), N_PATIENTS),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.MixedLM.from_formula(
            "y ~ 1", groups=np.ones(len(table)), vc_formula={"p": "0 + C(p)", "s": "0 + C(s)"}, data=table
        )
        return model.fit(method="lbfgs").conf_int().loc["Intercept"].to_numpy()


def main(tables=1000):
    """Print the share of intervals that hold the mean, 0."""
    generator = np.random.default_rng(1)
    for name, (of_patients, of_seeds, rest) in SCENES.items():
        held = {"crossed_mean": [], "bootstrap": [], "MixedLM": []}
        for number in range(tables):
            values = generator.normal(0, rest, (N_PATIENTS, N_SEEDS))
            values += generator.normal(0, of_patients, (N_PATIENTS, 1)) + generator.normal(
                0, of_seeds, N_SEEDS
            )
            found = crossed_mean(values, alpha=0.05)
            intervals = {
                "crossed_mean": (found.ci_low, found.ci_high),
                "bootstrap": bootstrap(values, generator),
            }
            if number < SLOW:
                intervals["MixedLM"] = mixed(values)
            for method, (low, high) in intervals.items():
                held[method].append(low <= 0 <= high)
        print(
            name,
            {method: f"{np.mean(found):.3f} of {len(found)}" for method, found in held.items()},
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
