"""The cost of planning a new run: CPU seconds, memory and jobs of a dry run of a table of scans.

    python tests/benchmarks/planning.py [--scans 100 1000] [--submissions] [--new]

The files in the table are empty, since a dry run opens none. With ``--submissions``, count the
submissions of the Slurm profile; with ``--new``, plan new patients of a trained model instead of a
cross-validation.
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
INPUTS = ("T1w", "FA", "RD", "AD", "MTR", "DVR")


def main():
    """Print one row per number of scans."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scans", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--submissions", action="store_true")
    parser.add_argument("--new", action="store_true")
    args = parser.parse_args()
    for scans in args.scans:
        with tempfile.TemporaryDirectory() as folder:
            write_table(Path(folder), scans)
            if args.new:
                hide_pet(Path(folder))
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            said = plan(Path(folder), args.submissions)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
        row = f"{scans} scans: {used.ru_utime - before:.0f} CPU s, {used.ru_maxrss / 1e6:.2f} GB at most"
        row += f", {re.search(r'^total +([0-9]+)', said, re.MULTILINE)[1]} jobs"
        if args.submissions:
            row += f", {submissions(said)} submissions"
        print(row, flush=True)


def write_table(folder, scans):
    """A table of patients and controls, two to one, and its files, which are empty."""
    rows = ["\t".join(["subject", "group", *INPUTS, "lesion_mask"])]
    for number in range(scans):
        group = "HC" if number % 3 == 0 else "MS"
        names = [f"{name}_{number}.nii.gz" for name in (*INPUTS, "lesion_mask")]
        for name in names:
            (folder / name).touch()
        rows.append("\t".join([f"{number:04d}", group, *names[:-1], "n/a" if group == "HC" else names[-1]]))
    (folder / "cohort.tsv").write_text("\n".join(rows) + "\n")
    (folder / "mine.yaml").write_text("cohort: {source: table, table: cohort.tsv}\n")


def hide_pet(folder):
    """The same scans without PET, for a model whose file is empty."""
    table = pd.read_csv(folder / "cohort.tsv", sep="\t", dtype=str)
    table.drop(columns=["group", "DVR"]).to_csv(folder / "cohort.tsv", sep="\t", index=False, na_rep="n/a")
    (folder / "model.zip").touch()
    with (folder / "mine.yaml").open("a") as config:
        config.write("prediction: {model: model.zip}\n")


def plan(folder, with_profile):
    """What a dry run says."""
    profile = ["--workflow-profile", str(ROOT / "profiles/slurm")] if with_profile else []
    quiet = ["--quiet", "reason"] if with_profile else ["--quiet", "rules", "reason"]
    return subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--dry-run", "--snakefile", str(ROOT / "Snakefile")),
            *("--cores", "2", *profile, *quiet, "--configfile", "mine.yaml"),
        ],
        cwd=folder,
        check=True,
        text=True,
        capture_output=True,
    ).stdout


def submissions(said):
    """Groups of jobs, and jobs that go alone."""
    names = re.findall(r"\] Group job (\w+)|^rule (\w+):", said, re.MULTILINE)
    return sum(1 for parcel, rule in names if parcel or rule != "all")


if __name__ == "__main__":
    main()
