"""Error and cost of a scan's linear registrations, compared with plain ANTs on the same pair; and the time per step.

Run by hand, on a finished run of the default configuration:
``PYTHONPATH=workflow_scripts python tests/benchmarks/registration.py --scans 28``
"""

import argparse
import tempfile
import time

import ants
import numpy as np
import pandas as pd
from registration_pairs import PAIRS, add_folders, carried, head_of, read_participant

from myelosketch.imaging.registration import itk
from myelosketch.imaging.registration.error import target_error

CONFIG = {"metric": "mattes", "sampling": 0.2, "finest_mm": 3.0, "seed": 1}


def main():
    """Print errors over the cohort, the error of the way back, seconds, and the ratio to bare ANTs."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_folders(parser)
    parser.add_argument("--scans", type=int, default=28)
    parser.add_argument("--bare", type=int, default=2, help="scans on which ANTs is called bare, too")
    parser.add_argument("--metric", default="mattes")
    args = parser.parse_args()
    rows = []
    for number, folder in enumerate(sorted(args.derivatives.glob("sub-*"))[: args.scans]):
        images, poses, points = read_participant(args.simulated, args.derivatives, folder.name)
        for pair, (fixed, moving) in PAIRS.items():
            true = poses[moving] @ np.linalg.inv(poses[fixed])
            here = carried(poses[fixed], points)
            heads = head_of(images[fixed]), head_of(images[moving])
            found, seconds, search = ours(*heads, args.metric)
            back, _, _ = ours(heads[1], heads[0], args.metric)
            row = {"scan": folder.name, "pair": pair, "seconds": seconds, "search": search}
            error = target_error(found, true, here)
            row |= {key: error[key] for key in ("median_mm", "p95_mm")}
            row["inverse_mm"] = target_error(np.linalg.inv(back), found, here)["median_mm"]
            if number < args.bare:
                bare, row["bare_s"] = bare_ants(*heads)
                row["bare_mm"] = target_error(bare, true, here)["median_mm"]
            rows.append(row)
    report(pd.DataFrame(rows))


def report(table):
    """Print what ``main`` measured."""
    groups = table.groupby("pair")
    summary = groups.median(numeric_only=True).rename(columns={"median_mm": "median of medians"})
    summary.insert(1, "95 % of medians", groups.median_mm.quantile(0.95))
    summary["worst p95_mm"] = groups.p95_mm.max()
    summary["ratio to bare"] = summary.seconds / summary.bare_s
    print(summary.round(3).to_string())
    per_scan = table.groupby("scan").seconds.sum()
    print(f"all linear registrations of a scan: {per_scan.mean():.1f} s (largest {per_scan.max():.1f} s)")


def ours(fixed, moving, metric):
    """Matrix, seconds of CPU, and those of them that the search for a start took."""
    spent, search = [], itk._search

    def timed(*arguments):
        begin = time.process_time()
        result = search(*arguments)
        spent.append(time.process_time() - begin)
        return result

    itk._search = timed
    try:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.process_time()
            itk.register(fixed, moving, f"{folder}/found.mat", kind="Rigid", **CONFIG | {"metric": metric})
            seconds = time.process_time() - begin
            return itk.world_matrix([f"{folder}/found.mat"]), seconds, spent[0]
    finally:
        itk._search = search


def bare_ants(fixed, moving):
    """Matrix and seconds of CPU of ``ants.registration`` with nothing but its kind."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        result = ants.registration(fixed, moving, type_of_transform="Rigid", outprefix=f"{folder}/")
        seconds = time.process_time() - begin
        return itk.world_matrix(result["fwdtransforms"]), seconds


if __name__ == "__main__":
    main()
