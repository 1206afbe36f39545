"""Start-up of jobs as a share of a run: python tests/benchmarks/startup.py RESULTS [--repeats 3].

A job that works on a scan for a second first starts Python and imports its libraries. For every rule that left
benchmarks in RESULTS (of a finished run), that start is done alone, as Snakemake does it: a new Python, what its own
wrapper imports, and the imports of the rule's entry script. CPU seconds are given (user and system, all threads), so
that other work on the machine matters little; the least of the repeats counts. Prints a Markdown table.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
# what Snakemake's wrapper of a script imports before it (snakemake.script.PythonScript)
WRAPPER = "import sys, pickle\nfrom snakemake import script\n"
# rules that share an entry script with another one
SAME_ENTRY = {}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    jobs = read_jobs(options.results / "benchmarks")
    # Snakemake hardly measures a job of less than a second, so its wall time is used
    jobs["cpu"] = jobs.cpu_time.where(jobs.s >= 1).fillna(jobs.s)
    table = jobs.groupby("rule").agg(jobs=("cpu", "size"), cpu=("cpu", "sum")).reset_index()
    starts = {entry: start_cpu(entry, options.repeats) for entry in sorted(set(map(entry_of, table.rule)))}
    table["start"] = [starts[entry_of(rule)] for rule in table.rule]
    table["starting"] = table.start * table.jobs
    # Snakemake last checks a job before its end, so the start-up time is the minimum duration
    table["cpu"] = table[["cpu", "starting"]].max(axis=1)
    print("| rule | jobs | CPU s of a start | CPU s of the jobs | start-up |")
    print("|---|---|---|---|---|")
    for row in table.sort_values("starting", ascending=False).itertuples():
        share = 100 * row.starting / row.cpu
        print(f"| `{row.rule}` | {row.jobs} | {row.start:.1f} | {row.cpu:.0f} | {share:.0f} % |")
    total = table[["jobs", "starting", "cpu"]].sum()
    share = 100 * total.starting / total.cpu
    print(f"| all | {total.jobs:.0f} | {total.starting:.0f} in all | {total.cpu:.0f} | **{share:.0f} %** |")


def read_jobs(folder):
    """Benchmarks of all jobs, with the rule of each."""
    paths = sorted(folder.rglob("*.tsv"))
    tables = [pd.read_csv(path, sep="\t", na_values="-") for path in paths]
    rules = [path.relative_to(folder).with_suffix("").parts[0] for path in paths]
    return pd.concat(table.assign(rule=rule) for rule, table in zip(rules, tables, strict=True))


def entry_of(rule):
    """Name of the entry script of a rule, without its suffix."""
    name = SAME_ENTRY.get(rule, rule)
    return name.replace("_external_", "_") if not (SCRIPTS / f"{name}.py").is_file() else name


def start_cpu(entry, repeats):
    """CPU seconds of a new Python that imports what an entry script imports."""
    text = (SCRIPTS / f"{entry}.py").read_text(encoding="utf-8")
    imports = re.findall(r"^ *((?:from|import) [^\n(]+(?:\([^)]*\))?)$", text, re.MULTILINE)
    code = WRAPPER + "\n".join(" ".join(line.split()) for line in imports)
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"}
    return min(_cpu([sys.executable, "-c", code], environment) for _ in range(repeats))


def _cpu(command, environment):
    before = os.times()
    subprocess.run(command, env=environment, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    main()
