"""How often a registration finds its place, over random moves of the moving image, and with what error.

Run by hand, on a finished run of the default configuration:
``PYTHONPATH=workflow_scripts python tests/benchmarks/registration_starts.py --moves 510``
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from registration_pairs import PAIRS, add_folders, carried, head_of, moved, read_participant, rigid

from myelosketch.errors import InputError
from myelosketch.imaging.registration.error import target_error
from myelosketch.imaging.registration.itk import register, world_matrix

SUCCESS_MM = 3.0


def main():
    """Print one line per pair: success rate, error of the successes, seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_folders(parser)
    parser.add_argument(
        "--moves", type=int, default=510, help="random moves, shared out among the kinds of pair"
    )
    parser.add_argument("--degrees", type=float, default=15.0, help="largest turn about each axis")
    parser.add_argument("--mm", type=float, default=20.0, help="largest shift along each axis")
    parser.add_argument("--starts", type=int, default=8, help="further starting rotations")
    parser.add_argument("--metric", default="mattes")
    parser.add_argument("--out", type=Path, help="TSV of every move")
    args = parser.parse_args()
    rng, rows = np.random.default_rng(7), []
    names = sorted(path.name for path in args.derivatives.glob("sub-*"))
    for number in range(-(-args.moves // len(PAIRS))):
        name = names[number % len(names)]
        participant = read_participant(args.simulated, args.derivatives, name)
        for pair in PAIRS:
            move = rigid(rng.uniform(-args.degrees, args.degrees, 3), rng.uniform(-args.mm, args.mm, 3))
            rows.append({"scan": name, "pair": pair, **trial(participant, pair, move, args, number)})
    table = pd.DataFrame(rows)
    if args.out:
        table.to_csv(args.out, sep="\t", index=False, float_format="%.4f")
    table["success"] = table.median_mm < SUCCESS_MM
    print(
        f"{len(table)} moves, {args.starts} further starts, +-{args.degrees} deg, +-{args.mm} mm, {args.metric}"
    )
    found = table[table.success].groupby("pair")
    summary = pd.DataFrame(
        {
            "moves": table.groupby("pair").size(),
            "success %": 100 * table.groupby("pair").success.mean(),
            "median mm": found.median_mm.median(),
            "worst median mm": found.median_mm.max(),
            "p95 mm": found.p95_mm.quantile(0.95),
            "s": table.groupby("pair").seconds.mean(),
        }
    )
    print(summary.round(3).to_string())


def trial(participant, pair, move, args, seed):
    """Error and cost of one registration after one move."""
    images, poses, points = participant
    fixed, moving = PAIRS[pair]
    true = move @ poses[moving] @ np.linalg.inv(poses[fixed])
    with tempfile.TemporaryDirectory() as folder:
        out, begin = Path(folder) / "found.mat", time.process_time()
        try:
            register(
                head_of(images[fixed]),
                head_of(moved(images[moving], move)),
                out,
                kind="Rigid",
                metric=args.metric,
                sampling=0.2,
                finest_mm=3.0,
                seed=seed,
                starts=args.starts,
            )
            found = world_matrix([out])
        except InputError:
            return {"median_mm": np.inf, "p95_mm": np.inf, "seconds": time.process_time() - begin}
    seconds = time.process_time() - begin
    error = target_error(found, true, carried(poses[fixed], points))
    return {"median_mm": error["median_mm"], "p95_mm": error["p95_mm"], "seconds": seconds}


if __name__ == "__main__":
    main()
