"""Predict the simulated patients of the demonstration, then print where their pages are and what to do next."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import yaml

CONFIG = Path(__file__).parents[1] / "configs/demo.yaml"
NEXT = """
This was a demonstration: the patients are simulated, and the model was trained on simulated participants.
To predict your own patients, read docs/new-patients.md."""


def main():
    """Return the exit status of Snakemake, 0 if all results exist."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cores", default="all", help="how many cores Snakemake may use")
    results = Path(yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["pathvars"]["results"])
    start = time.monotonic()
    print(f"The patients' pages will be listed in {(results / 'predictions.html').resolve()}", flush=True)
    command = ["snakemake", "predict", "--cores", parser.parse_args().cores, "--configfile", str(CONFIG)]
    status = subprocess.run(command, check=False).returncode
    if status:
        print("The demonstration did not finish: make demo continues from there.", file=sys.stderr)
        return status
    seconds = round(time.monotonic() - start)
    print(f"\nAll patients: {(results / 'predictions.html').resolve()}")
    for page in sorted((results / "patients").glob("*.html")):
        print(f"One patient: {page.resolve()}")
    print(f"Wall time: {seconds} s\n{NEXT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
