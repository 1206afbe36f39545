"""Run the workflow on config.yaml. Print where the report will be and, at the end, the main scores and the time."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import yaml

CONFIG = Path(__file__).parents[1] / "config.yaml"
# Snakemake checks all waiting jobs once per ended job and second, which took a quarter of a core after 170 jobs
RARE_CHECKS = ["--max-jobs-per-timespan", "1000/10s"]


def results_folder():
    """Return the folder of the results, or the default if Snakemake will reject the configuration."""
    try:
        folder = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["pathvars"]["results"]
    except (OSError, UnicodeError, yaml.YAMLError, KeyError, TypeError):
        folder = None
    return Path(folder if isinstance(folder, str) else "results")


def main():
    """Return the exit status of Snakemake, 0 if all results exist."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cores", default="all", help="how many cores Snakemake may use")
    arguments = parser.parse_args()
    report = results_folder() / "report.html"
    start, started = time.monotonic(), time.time()
    print(f"The report will be {report.resolve()}", flush=True)
    command = ["snakemake", "--cores", arguments.cores, *RARE_CHECKS]
    status = subprocess.run(command, check=False).returncode
    if status:
        print(
            "The run did not finish. Finished steps are kept: make run continues from there.",
            file=sys.stderr,
        )
        return status
    from myelosketch.evaluation.final_table import final_table

    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    if report.stat().st_mtime < started:
        print("\nNothing to do: all results are up to date.")
    table = final_table(report.parent / "evaluation/summary.tsv")
    print(f"\n{table}\n\nReport: {report.resolve()}\nWall time: {minutes} min {seconds} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
