"""Time and memory of a simulated participant, from the benchmark files of the workflow."""

from pathlib import Path

import numpy as np
import pandas as pd

from myelosketch.io.tables import read_table

COLUMNS = ("rule", "n", "seconds_median", "seconds_max", "memory_mb_median", "memory_mb_max")
RULES = ("simulate_participant", "simulate_control", "measure_participant", "survey_lesions")


def cost_table(benchmarks: str | Path) -> pd.DataFrame:
    """Return the time and peak memory of one job of each rule, median and largest value.

    Parameters
    ----------
    benchmarks : folder with <rule>/<participant>.tsv

    Returns
    -------
    DataFrame : COLUMNS; a rule without benchmark files has no row
    """
    rows = []
    for rule in RULES:
        files = sorted((Path(benchmarks) / rule).glob("*.tsv"))
        parts = [read_table(path, numeric=("s", "max_rss")) for path in files]
        if parts:
            jobs = pd.concat(parts, ignore_index=True)
            # a short job may end before its memory is measured
            memory = jobs.max_rss.dropna().to_numpy(float)
            found = (np.median(memory), memory.max()) if memory.size else (np.nan, np.nan)
            rows.append((rule, len(jobs), float(jobs.s.median()), float(jobs.s.max()), *found))
    return pd.DataFrame(rows, columns=list(COLUMNS))
