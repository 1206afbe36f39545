"""Run the workflow on config.yaml, then say where the report is, how long it took and what came out."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import yaml

CONFIG = Path(__file__).parents[1] / "config.yaml"


def main():
    """Exit status of Snakemake; 0 when everything is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cores", default="all", help="how many cores Snakemake may use")
    start, started = time.monotonic(), time.time()
    command = ["snakemake", "--cores", parser.parse_args().cores]
    status = subprocess.run(command, check=False).returncode
    if status:
        print(
            "The run did not finish; what is done is kept, and make run continues from there.",
            file=sys.stderr,
        )
        return status
    from myelosketch.evaluation.final_table import final_table

    # Snakemake has read it, so it can be read
    folders = yaml.safe_load(CONFIG.read_text(encoding="utf-8")).get("pathvars", {})
    results = Path(folders.get("results", "results"))
    report = results / "report.html"
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    if report.stat().st_mtime < started:
        print("\nNothing to do: all results are up to date.")
    table = final_table(results / "evaluation/summary.tsv")
    print(f"\n{table}\n\nReport: {report.resolve()}\nWall time: {minutes} min {seconds} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
