"""Write the page that compares the simulated cohort with the literature and lists the simulator's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.calibration import criteria, lesion_targets, parameters
from myelosketch.calibration.cost import cost_table
from myelosketch.calibration.equations import equation_lines
from myelosketch.calibration.figure_ladder import cohort_share, rung_name
from myelosketch.calibration.markdown import frame, number, table
from myelosketch.calibration.steps import read_ladder
from myelosketch.calibration.targets import TISSUE_NAMES
from myelosketch.evaluation.summary import read_scores
from myelosketch.io.provenance import write_text
from myelosketch.io.tables import read_table, write_table
from myelosketch.reporting.display import world_words

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = "simulation-measured.md.j2"
KIND_NAMES = {
    "absolute": "mean",
    "percent": "difference, %",
    "points": "difference, points",
    "sd": "SD between participants",
}
LADDER_METRICS = (
    ("mcc", "MCC"),
    ("dice", "Dice"),
    ("auc", "AUC"),
    ("lesion_mean_r", "r of lesion means"),
    ("lesion_mae", "lesion MAE"),
)
STATE_NAMES = {"oedema": "oedema alone", "demyelination": "demyelination, axons kept"}


def write_page(
    page: str | Path,
    criteria_path: str | Path,
    inputs: Mapping[str, str | Path],
    *,
    config: str | Path,
    benchmarks: str | Path,
    facts: Mapping[str, Any],
) -> None:
    """Write the page and the list of criteria.

    Parameters
    ----------
    page, criteria_path : paths to write
    inputs : dict of paths: tissue, correlations, loads, kinds, lesions, ladder, demyelination, scored_lesions
    config : path of the default ``config.yaml``
    benchmarks : folder of the workflow's benchmark files
    facts : dict: seed, n_patients, n_controls and n_surveyed (int), k and alpha (float), and settings (dict, section
        ``simulation`` of the configuration)
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    tables = read_tables(inputs)
    judged = judge(tables, facts["k"])
    write_table(judged, criteria_path)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    content = page_content(tables, judged, facts)
    content |= {"parameters": parameters.parameters_section(config), "costs": _costs(benchmarks)}
    write_text(page, environment.get_template(TEMPLATE).render(**content))


def read_tables(inputs: Mapping[str, str | Path]) -> dict[str, pd.DataFrame]:
    """Read the tables of a calibration, with their numeric columns as numbers: dict of DataFrame."""
    plain = ("tissue", "correlations", "loads", "kinds", "lesions")
    tables = {name: read_table(inputs[name], numeric=True) for name in plain}
    return tables | {
        "ladder": read_ladder(inputs["ladder"]),
        "demyelination": read_scores(inputs["demyelination"]),
        "scored_lesions": read_scores(inputs["scored_lesions"]),
    }


def judge(tables: Mapping[str, pd.DataFrame], k: float) -> pd.DataFrame:
    """Check every criterion of the cohort; those not met come first (see ``criteria.criteria_table``)."""
    return criteria.criteria_table(
        criteria.tissue_criteria(tables["tissue"]),
        criteria.relation_criteria(tables["correlations"]),
        criteria.share_criteria(tables["demyelination"], k),
        criteria.repeat_criteria(tables["scored_lesions"]),
        criteria.ladder_criteria(tables["ladder"], k),
        lesion_targets.lesion_criteria(tables["lesions"]),
    )


def page_content(
    tables: Mapping[str, pd.DataFrame], judged: pd.DataFrame, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of the template, as text and Markdown tables."""
    loads = tables["loads"]
    shares = cohort_share(tables["demyelination"])
    lesion_columns = {"statistic": "statistic", "measured": "measured", "low": "from", "high": "to"}
    lesion_columns |= {"found": "simulated", "verdict": "verdict", "how": "band"}
    kind_columns = {"kind": "kind", "n": "lesions", "share": "share", "share_of_load": "share of load"}
    kind_columns |= {f"mean_{name}": f"mean {name}" for name in ("myelin", "axons", "water")}
    correlation_columns = {"where": "where", "map": "map", "pooled": "pooled", "mean": "mean of participants"}
    correlation_columns |= {"sd": "SD", "n_participants": "participants"}
    return {
        "facts": facts,
        "equations": table(("quantity", "symbol", "formula"), equation_lines()),
        "lookalikes": _lookalikes(),
        "n_met": int((judged.met == "yes").sum()),
        "n_criteria": len(judged),
        "not_met": [row for row in judged.to_dict("records") if row["met"] == "no"],
        "verdicts": frame(judged, {name: name for name in criteria.COLUMNS}),
        "tissue": _tissue(tables["tissue"]),
        "sources": sorted(set(tables["tissue"].source)),
        "lesions": frame(_words(tables["lesions"]), lesion_columns),
        "kinds": frame(tables["kinds"], kind_columns),
        "load": {
            "median": number(loads.load_ml.median()),
            "low": number(loads.load_ml.min()),
            "high": number(loads.load_ml.max()),
            "count": number(loads.n_lesions.median()),
        },
        "correlations": frame(tables["correlations"], correlation_columns, 2),
        "shares": frame(shares, {"k": "k", "pct_true": "demyelinated, %", "trivial_dice": "trivial Dice"}),
        "ladder": _ladder(tables["ladder"], facts["k"]),
        "level": facts["settings"]["level"],
        "world": world_words(facts["settings"]["world"]),
        "lesion_load": facts["settings"]["lesion_load"],
        "changed": parameters.changed_settings(facts["settings"]),
    }


def _tissue(data: pd.DataFrame) -> str:
    shown = data.assign(
        tissue=data.tissue.map(lambda name: TISSUE_NAMES.get(name, name)),
        kind=data.kind.map(lambda name: KIND_NAMES.get(name, name)),
        band=[f"{number(low)} to {number(high)}" for low, high in zip(data.low, data.high, strict=True)],
    )
    columns = {
        "tissue": "tissue",
        "quantity": "quantity",
        "kind": "what",
        "band": "literature",
        "mean": "cohort",
    }
    columns |= {"sd": "SD between participants", "n": "n", "verdict": "verdict", "source": "source"}
    return frame(shown, columns)


def _words(lesions: pd.DataFrame) -> pd.DataFrame:
    return lesions.assign(verdict=lesions.verdict.fillna("–"))


def _ladder(summary: pd.DataFrame, k: float) -> str:
    """Return a table with one row per rung: mean and interval of each metric."""
    rows = []
    for method in criteria.ORDER:
        line = [rung_name(method)]
        for metric, _ in LADDER_METRICS:
            at_k = summary.k.isna() | np.isclose(summary.k.astype(float), k)
            row = summary[(summary.method == method) & (summary.metric == metric) & at_k].iloc[0]
            line.append(f"{row['mean']:.2f} ({row.ci_low:.2f} to {row.ci_high:.2f})".replace("-", "−"))
        rows.append(line)
    return table(("rung", *(name for _, name in LADDER_METRICS)), rows)


def _lookalikes() -> str:
    from myelosketch.simulation.physics import LOOKALIKES, lookalikes

    found = lookalikes()
    rows = []
    for state, values in found.items():
        latent = ", ".join(f"{name} {parameters.plain(value)}" for name, value in LOOKALIKES[state].items())
        rows.append((STATE_NAMES.get(state, state), latent, *(number(values[name]) for name in values)))
    names = next(iter(found.values()))
    return table(("state", "latents", *names), rows)


def _costs(benchmarks: str | Path) -> str:
    costs = cost_table(benchmarks)
    if costs.empty:
        return ""
    columns = {"rule": "rule", "n": "jobs", "seconds_median": "seconds, median", "seconds_max": "longest"}
    columns |= {"memory_mb_median": "memory (MB), median", "memory_mb_max": "largest"}
    return frame(costs, columns)
