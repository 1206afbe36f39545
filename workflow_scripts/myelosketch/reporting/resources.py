"""What the jobs of a run took, from Snakemake's benchmarks, and what to ask a scheduler for."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from myelosketch.errors import InputError
from myelosketch.provenance import write_text
from myelosketch.reporting.job_voxels import job_voxels
from myelosketch.tables import read_table, write_table

MEASURED = ("s", "max_rss", "io_in", "io_out", "cpu_time")
# Snakemake looks at a job when it starts, every half second for about 15 s, then every 30 s
SHORTEST_SAMPLED_S = 1.0
CLOSELY_SAMPLED_S = 15.0
HEADROOM, SLACK = 1.3, 3
MEMORY_STEP_MB, SHORTEST_RUNTIME_MIN = 100, 5
# a request of more than so many times the suggestion holds up others for nothing
WIDE = 4
COLUMNS = (
    "rule",
    "environment",
    "jobs",
    "memory_seen",
    "cpu_seconds",
    "wall_seconds",
    "largest_wall_seconds",
    "largest_memory_mb",
    "read_mb",
    "written_mb",
    "per",
    "voxels",
    "worked_voxels",
    "grids",
    "base_mb",
    "mb_per_million_voxels",
    "seconds_per_million_voxels",
    "mem_mb",
    "runtime",
    "disk_mb",
    "asked_mem_mb",
    "asked_runtime",
    "memory_verdict",
    "runtime_verdict",
)
SHOWN = {
    "rule": "rule",
    "jobs": "jobs",
    "wall_seconds": "seconds, median",
    "largest_wall_seconds": "largest",
    "cpu_seconds": "CPU seconds",
    "largest_memory_mb": "memory, MB",
    "per": "per",
    "voxels": "million voxels",
    "mem_mb": "mem_mb",
    "runtime": "runtime, min",
    "asked_mem_mb": "asked mem_mb",
    "asked_runtime": "asked runtime",
}
DECIMALS = {"wall_seconds": 1, "largest_wall_seconds": 1, "cpu_seconds": 1, "voxels": 2}
METHOD = f"""\
Measured by Snakemake's benchmarks. Memory is the resident set (`max_rss`): a job is one process, and PSS or USS would
leave out libraries that a neighbour happens to share, which a node with one job holds whole. Snakemake looks every
half second for about {CLOSELY_SAMPLED_S:.0f} s, then every 30 s (column `memory_seen`): of a job under
{SHORTEST_SAMPLED_S:.0f} s no memory is given, and of one over {CLOSELY_SAMPLED_S:.0f} s a peak between two looks can
be missed. CPU seconds are those until the last look. Bytes read are from disk, not from the page cache.

Suggested: `mem_mb` {HEADROOM} times the largest, rounded up to {MEMORY_STEP_MB}; `runtime` {SLACK} times the longest,
at least {SHORTEST_RUNTIME_MIN} minutes; `disk_mb` {HEADROOM} times the most written. For another grid:
`mem_mb = base_mb + mb_per_million_voxels x million voxels`, times {HEADROOM}. That is a model: a straight line from
the smallest job of the same environment through the costliest job of the rule. `jobs` and `grids` (different numbers
of voxels) say on how much it rests; with one grid nothing tests it. What a rule imports beyond that smallest job is
in its slope, so larger grids get more than they need, and smaller ones too little.
"""


def describe_rules(rules):
    """Environment and requests of every rule, as plain values.

    Parameters
    ----------
    rules : the workflow's rules, each with ``name``, ``conda_env`` and ``resources``

    Returns
    -------
    dict : rule to environment (str or None), mem_mb and runtime (minutes; None where it is not a plain number)
    """
    return {
        rule.name: {
            "environment": Path(str(rule.conda_env)).stem if rule.conda_env else None,
            **{key: _plain_number(rule.resources.get(key)) for key in ("mem_mb", "runtime")},
        }
        for rule in rules
    }


def benchmark_files(folder):
    """Benchmark files below a folder, sorted; those of this table itself left out."""
    found = sorted(Path(folder).rglob("*.tsv"))
    return [path for path in found if path.name != "write_resources_table.tsv"]


def benchmarks_state(folder):
    """Hash of the benchmark files as they are now: the table is made anew when one has changed."""
    digest = hashlib.sha256()
    for path in benchmark_files(folder):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def write_resources(table, profile, page, *, root, rules):
    """Write what every rule took and should ask for, as a table, as part of a profile and as a page.

    Parameters
    ----------
    table, profile, page : paths to write (TSV, YAML, Markdown)
    root : results folder, with benchmarks/, cohort/, derivatives/ and training/
    rules : dict, as :func:`describe_rules` gives it

    Raises
    ------
    InputError : the run has no benchmarks
    """
    found = resources_table(root, rules=rules)
    write_table(found, table)
    write_text(profile, profile_text(found))
    write_text(page, page_text(found))


def resources_table(root, *, rules):
    """One row per rule that left benchmarks; see :func:`write_resources`.

    Returns
    -------
    DataFrame : COLUMNS; seconds, MB (2^20 bytes), voxels in millions, runtime in minutes

    Raises
    ------
    InputError : the run has no benchmarks
    """
    jobs = read_jobs(Path(root) / "benchmarks")
    jobs["environment"] = [rules.get(rule, {}).get("environment") for rule in jobs.rule]
    voxels = [job_voxels(root, rule, job) for rule, job in zip(jobs.rule, jobs.job, strict=True)]
    jobs["per"], jobs["voxels"], jobs["worked_voxels"] = zip(*voxels, strict=True)
    base = jobs.groupby("environment").max_rss.min().to_dict()
    rows = [
        _row(rule, part, base=base.get(part.environment.iloc[0], math.nan), asked=rules.get(rule, {}))
        for rule, part in jobs.groupby("rule", sort=False)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_jobs(folder):
    """Benchmarks of all jobs: rule, job, and MEASURED (s, MB, MB, MB, s); what was hardly looked at is missing.

    Raises
    ------
    InputError : no benchmark in the folder
    """
    files = benchmark_files(folder)
    if not files:
        raise InputError(f"{folder} holds no benchmark of a finished job: run the workflow first.")
    rows = []
    for path in files:
        parts = path.relative_to(folder).with_suffix("").parts
        measured = read_table(path)
        for line in measured.to_dict("records"):
            numbers = {name: pd.to_numeric(line.get(name), errors="coerce") for name in MEASURED}
            if not numbers["s"] >= SHORTEST_SAMPLED_S:
                numbers |= dict.fromkeys(MEASURED[1:], math.nan)
            rows.append({"rule": parts[0], "job": "/".join(parts[1:]), **numbers})
    return pd.DataFrame(rows).astype(dict.fromkeys(MEASURED, float))


def profile_text(table):
    """The block ``set-resources`` of a Snakemake profile, with every measured rule's suggestion."""
    asked = {}
    for row in table.to_dict("records"):
        wanted = {"mem_mb": row["mem_mb"], "runtime": row["runtime"], "disk_mb": row["disk_mb"]}
        # memory and time grow with each attempt, where the profile allows retries
        grown = {
            key: f"{int(value)} * attempt" if key != "disk_mb" else int(value)
            for key, value in wanted.items()
            if np.isfinite(value)
        }
        asked[row["rule"]] = grown
    block = yaml.safe_dump({"set-resources": asked}, sort_keys=False)
    return (
        "# Measured on this run's images; larger ones need more (resources.md). A rule without mem_mb was too short\n"
        f"# to be measured and keeps what it asks for.\n{block}"
    )


def page_text(table):
    """The table for readers (Markdown), with how it was measured."""
    lines = [f"| {' | '.join(SHOWN.values())} |", "|" + "---|" * len(SHOWN)]
    for row in table.loc[:, list(SHOWN)].to_dict("records"):
        lines.append(f"| {' | '.join(_cell(name, value) for name, value in row.items())} |")
    remarks = [
        f"- `{row['rule']}` asks for {what}: {row[f'{kind}_verdict']} ({row[f'asked_{key}']:.0f}, suggested "
        f"{row[key]:.0f})."
        for row in table.to_dict("records")
        for kind, key, what in (("memory", "mem_mb", "memory"), ("runtime", "runtime", "time"))
        if row[f"{kind}_verdict"] in ("too small", "wide")
    ]
    asked = remarks or ["Every rule asks for what it needs."]
    heading = "## What the rules ask for, against these images"
    return "\n".join(["# What the jobs took", "", *lines, "", METHOD, heading, "", *asked, ""])


def _row(rule, jobs, *, base, asked):
    largest = jobs.max_rss.max()
    # relative to the voxels, the costliest job
    slope = ((jobs.max_rss - base) / jobs.voxels * 1e6).max()
    wanted = {
        "mem_mb": _up(largest * HEADROOM, MEMORY_STEP_MB),
        "runtime": max(SHORTEST_RUNTIME_MIN, math.ceil(jobs.s.max() * SLACK / 60)),
        "disk_mb": _up(jobs.io_out.max() * HEADROOM, MEMORY_STEP_MB),
    }
    requests = {key: math.nan if asked.get(key) is None else asked[key] for key in ("mem_mb", "runtime")}
    return {
        "rule": rule,
        "environment": jobs.environment.iloc[0],
        "jobs": len(jobs),
        "memory_seen": _memory_seen(jobs),
        "cpu_seconds": _median(jobs.cpu_time),
        "wall_seconds": jobs.s.median(),
        "largest_wall_seconds": jobs.s.max(),
        "largest_memory_mb": largest,
        "read_mb": jobs.io_in.max(),
        "written_mb": jobs.io_out.max(),
        "per": jobs.per.iloc[0],
        "voxels": jobs.voxels.max() / 1e6,
        "worked_voxels": jobs.worked_voxels.max() / 1e6,
        "grids": jobs.voxels.nunique(),
        "base_mb": base,
        "mb_per_million_voxels": slope,
        "seconds_per_million_voxels": _median(jobs.s / jobs.worked_voxels * 1e6),
        **wanted,
        "asked_mem_mb": requests["mem_mb"],
        "asked_runtime": requests["runtime"],
        "memory_verdict": _verdict(requests["mem_mb"], wanted["mem_mb"]),
        "runtime_verdict": _verdict(requests["runtime"], wanted["runtime"]),
    }


def _memory_seen(jobs):
    """How closely memory was looked at: ``no``, ``throughout`` or ``first 15 s``."""
    if not np.isfinite(jobs.max_rss).any():
        return "no"
    return "throughout" if jobs.s.max() <= CLOSELY_SAMPLED_S else f"first {CLOSELY_SAMPLED_S:.0f} s"


def _verdict(asked, wanted):
    """``too small``, ``fits`` or ``wide``; missing where either number is."""
    if not (np.isfinite(asked) and np.isfinite(wanted)):
        return None
    if asked < wanted:
        return "too small"
    return "wide" if asked > WIDE * wanted else "fits"


def _up(value, step):
    """Rounded up to a multiple of ``step``, at least one; missing stays missing."""
    return max(1, math.ceil(value / step)) * step if np.isfinite(value) else math.nan


def _plain_number(value):
    """A request's number; None for a function or a text such as ``2000 * attempt``."""
    value = getattr(value, "value", value)
    return value if isinstance(value, int | float) else None


def _median(values):
    """Median of what is there; missing where nothing is."""
    known = values.dropna()
    return known.median() if len(known) else math.nan


def _cell(name, value):
    """A value as text of a Markdown table."""
    if isinstance(value, str):
        return f"`{value}`" if name == "rule" else value
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{DECIMALS.get(name, 0)}f}"
