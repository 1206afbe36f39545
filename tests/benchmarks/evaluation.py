"""What the evaluation costs: seconds of a core and peak memory from stored predictions to every table.

    python tests/benchmarks/evaluation.py [--subjects 7 14 28] [--methods 9] [--voxel 2.0]

Each number of subjects runs in a process of its own on one thread: the scoring of every scan, then all tables of
results/evaluation, without the start of Snakemake's jobs. Volumes are noise in regions of a head's size (192 x 228 x
204 mm); what a scan costs depends on their size, not on their values. Printed beside the seconds: seconds per scan,
which stay level if the cost is linear, and the ratio to the first line, which is what to compare between machines.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
LIBRARY = TESTS.parent / "workflow_scripts"
VIEW_MM = (192, 228, 204)
SETTINGS = {
    "k": 1.0,
    "ks": [0.5, 1.0, 1.5, 2.0],
    "dvr_range": [0.0, 2.0],
    "min_lesion_mm3": 100,
    "reference": "pooled",
    "lesion_sizes_mm3": [300, 1000],
    "periventricular_mm": 3.0,
    "juxtacortical_mm": 1.5,
    "sensitivity": {"perilesional_mm": [0.0, 3.0, 6.0], "min_lesion_mm3": [50, 100, 300]},
    "regions": {"threshold": 0.5, "white_erosion_mm": 0.0},
}


def write_scan(folder, number, methods, voxel):
    """Files of one scan: ellipsoids of brain, white matter and ventricles, 40 lesions, and maps of noise."""
    import numpy as np
    from evaluation_files import write_tissues, write_transform

    from myelosketch.evaluation.reference import GRID_AFFINE, GRID_SHAPE
    from myelosketch.provenance import write_json
    from myelosketch.volumes import save_volume

    generator = np.random.default_rng(number)
    shape = tuple(round(side / voxel) for side in VIEW_MM)
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = [-96, -134, -92]
    axes = np.ogrid[tuple(map(slice, shape))]
    world = [axis * voxel + affine[i, 3] for i, axis in enumerate(axes)]

    def ellipsoid(centre, half):
        return sum(((w - c) / h) ** 2 for w, c, h in zip(world, centre, half, strict=True)) <= 1

    brain, white = ellipsoid((0, -20, 10), (70, 85, 65)), ellipsoid((0, -20, 10), (55, 68, 48))
    csf = ellipsoid((0, -15, 18), (14, 35, 10))
    white &= ~csf
    lesion = np.zeros(shape, bool)
    for _ in range(40):
        lesion |= ellipsoid(generator.uniform([-45, -75, -25], [45, 40, 45]), generator.uniform(2, 8, 3))
    lesion &= white
    group = "MS" if number % 28 < 18 else "HC"
    lesion &= group == "MS"
    tissues = {"brain": brain, "csf": csf, "grey": brain & ~white & ~csf, "white": white, "lesion": lesion}
    write_tissues(folder / "fractions.nii.gz", affine, **tissues)
    save_volume(
        folder / "regions.nii.gz", np.where(lesion, 3, np.where(white, 2, brain)).astype(np.uint8), affine
    )
    measured = np.where(brain, 1.25 - 0.15 * lesion + generator.normal(0, 0.08, shape), 0)
    save_volume(folder / "dvr.nii.gz", measured, affine)
    for name in methods:
        save_volume(folder / f"{name}.nii.gz", measured + brain * generator.normal(0, 0.08, shape), affine)
    write_transform(folder / "xfm.mat")
    write_json(folder / "threshold.json", {"fold": number % 3 + 1, "mean": 1.25, "sd": 0.1, "note": None})
    for name, value in (("reference_mean", 1.25), ("reference_sd", 0.1)):
        save_volume(folder / f"{name}.nii.gz", np.full(GRID_SHAPE, value), GRID_AFFINE)
    return group


def evaluate(root, subjects, methods, voxel):
    """Seconds of a core for scoring and for the tables, and the peak of memory, MB."""
    from myelosketch.evaluation.comparisons import write_comparisons
    from myelosketch.evaluation.gather import gather_all
    from myelosketch.evaluation.lesion_agreement import write_agreement
    from myelosketch.evaluation.places import make_place_map
    from myelosketch.evaluation.scoring import TABLES, score_scan
    from myelosketch.evaluation.sensitivity import summarise_sensitivity
    from myelosketch.evaluation.statistics import claim_statistics
    from myelosketch.evaluation.summary import summarise

    make_place_map(root / "places.nii.gz")
    scoring, gathered = 0.0, []
    for number in range(subjects):
        folder = root / "scan"  # one after the other: disk is not what is measured
        group = write_scan(folder, number, methods, voxel)
        images = ("dvr", "regions", "fractions", "reference_mean", "reference_sd")
        files = {name: folder / f"{name}.nii.gz" for name in images}
        files |= dict.fromkeys(("xfm_t1w_to_petref", "xfm_t1w_to_mni"), folder / "xfm.mat")
        files |= {"threshold": folder / "threshold.json", "places": root / "places.nii.gz"}
        maps = {name: folder / f"{name}.nii.gz" for name in methods}
        tables = {name: root / f"{number:03d}_{name}.tsv" for name in TABLES}
        masks = {name: folder / f"mask_{name}.nii.gz" for name in ("pet", *methods)}
        who = {
            "scan": f"sub-{number:03d}",
            "subject": f"{number:03d}",
            "group": group,
            "fold": number % 3 + 1,
        }
        start = time.process_time()
        score_scan(files, maps, tables, masks, settings=SETTINGS, **who)
        scoring += time.process_time() - start
        gathered += tables.values()
    paths = {name: root / f"{name}.tsv" for name in TABLES}
    out = {
        name: root / f"{name}.tsv"
        for name in ("lesion_agreement", "patient_agreement", "comparisons", "ranks")
    }
    shared = {"methods": list(methods), "bootstrap": 10000, "seed": 1, "alpha": 0.05}
    start = time.process_time()
    gather_all(gathered, list(paths.values()))
    summarise(paths_of(paths, "summary"), root / "summary.tsv", root / "summary.json", k=1.0, **shared)
    claim_statistics(
        paths_of(paths, "claims"), root / "statistics.tsv", root / "claims.tsv", k=1.0, margin=0.05, **shared
    )
    write_agreement(paths_of(paths, "agreement"), out, borders=[300, 1000], k=1.0, **shared)
    write_comparisons(paths_of(paths, "comparisons"), out, k=1.0, **shared)
    summarise_sensitivity(
        paths_of(paths, "sensitivity"), root / "sensitivity.tsv", sizes=[50, 100, 300], **shared
    )
    seconds = time.process_time() - start
    return {
        "scoring": scoring,
        "tables": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def paths_of(paths, step):
    """The tables that a step reads."""
    wanted = {
        "summary": ("voxelwise", "demyelination", "lesions"),
        "claims": ("regions", "voxelwise", "demyelination"),
        "agreement": ("lesions", "demyelination", "regions"),
        "comparisons": ("voxelwise", "demyelination"),
        "sensitivity": ("demyelination", "variants", "regions", "all_lesions"),
    }
    return {name: paths[name] for name in wanted[step]}


def main():
    """Print one line per number of subjects."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subjects", nargs="+", type=int, default=[7, 14, 28])
    parser.add_argument("--methods", type=int, default=9)
    parser.add_argument("--voxel", type=float, default=2.0)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        methods = ("refiner", *(f"method{i}" for i in range(1, chosen.methods)))
        print(json.dumps(evaluate(Path(chosen.inside), chosen.subjects[0], methods, chosen.voxel)))
        return
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**os.environ, **threads, "PYTHONPATH": f"{LIBRARY}:{TESTS / 'unit'}"}
    columns = ("subjects", "scoring s", "s/scan", "tables s", "ratio", "peak MB")
    print("".join(f"{name:>11}" for name in columns))
    first = None
    for subjects in chosen.subjects:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--inside", folder, "--subjects", str(subjects)]
            command += ["--methods", str(chosen.methods), "--voxel", str(chosen.voxel)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        total = found["scoring"] + found["tables"]
        first = first or total
        row = (
            str(subjects),
            f"{found['scoring']:.1f}",
            f"{found['scoring'] / subjects:.2f}",
            f"{found['tables']:.1f}",
            f"{total / first:.2f}",
            f"{found['peak_mb']:.0f}",
        )
        print("".join(f"{cell:>11}" for cell in row), flush=True)


if __name__ == "__main__":
    main()
