"""The tiny cohort under each instruction set of this CPU: does it finish, and how far do its tables differ?

    python tests/benchmarks/instruction_sets.py [--cores 2] [--folder DIR]

Runs `configs/smoke.yaml` once as the machine is, then under each older instruction set of PyTorch's kernels, of its
convolutions and of the linear algebra of NumPy and SciPy. Prints, for every table of `results/evaluation`, the
column that differs most, by how much, and the largest value in it. A few minutes per set.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

import numpy as np
import pandas as pd

from myelosketch.io.tables import read_table

ROOT = Path(__file__).parents[2]
# by how much the mean DVR that is predicted in a region or a lesion may differ
TOLERANCE = 0.002
# of ATen, oneDNN and OpenBLAS
INSTRUCTION_SETS = {
    "native": {},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell"},
    "SSE4.1": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Prescott",
    },
}


def main():
    """Run under every set and print what differs from the first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cores", default="2")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the runs go (default: a temporary folder)"
    )
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp())
    tables = {}
    for name, environment in INSTRUCTION_SETS.items():
        tables[name] = tables_of_a_run(folder / name.replace(" ", "-"), environment, args.cores)
        print(f"\n{name}: {len(tables[name])} tables", flush=True)
        for row in differences(tables[name], next(iter(tables.values()))):
            print(
                "  {table}: {column} differs by up to {difference:.2g} of {largest:.3g}".format(**row),
                flush=True,
            )


def tables_of_a_run(folder, environment, cores):
    """The tables of `results/evaluation` of a run in a separate folder: dict of name to DataFrame."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            *("snakemake", "--cores", cores, "--quiet", "--snakefile", str(ROOT / "Snakefile")),
            *("--directory", str(folder), "--configfile", str(ROOT / "configs/smoke.yaml")),
        ],
        env={**os.environ, **environment},
        check=True,
    )
    files = sorted((folder / "results/evaluation").glob("*.tsv"))
    return {path.name: read_table(path, numeric=True) for path in files}


def differences(tables, reference):
    """Per table the numeric column that differs most from the reference, in relation to its largest value.

    Parameters
    ----------
    tables, reference : dict of name to DataFrame

    Returns
    -------
    list of dict : table, column, difference, largest; a table of other rows has an infinite difference
    """
    found = []
    for name, table in tables.items():
        expected = reference[name]
        if table.shape != expected.shape:
            found.append(
                {"table": name, "column": "number of rows", "difference": np.inf, "largest": len(expected)}
            )
            continue
        rows = [compare(name, column, table, expected) for column in table.select_dtypes("number")]
        rows = [row for row in rows if row["difference"] > 0]
        if rows:
            found.append(max(rows, key=lambda row: row["difference"] / max(row["largest"], 1e-12)))
    return found


def compare(name, column, table, expected):
    """Largest difference of a column, and its largest value."""
    ours, theirs = (pd.to_numeric(frame[column], errors="coerce") for frame in (table, expected))
    difference = float((ours - theirs).abs().max()) if ours.isna().equals(theirs.isna()) else np.inf
    return {"table": name, "column": column, "difference": difference, "largest": float(theirs.abs().max())}


if __name__ == "__main__":
    main()
