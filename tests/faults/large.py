"""One participant on the grid of a PET of high resolution through every stage: the memory of each job.

A patient is simulated with a T1w image of 0.8 mm and a PET of 1.22 mm. The PET is laid into the whole field of an
HRRT (256 x 256 x 207 voxels), and the model of the demonstration predicts it. Each job is a row of large.tsv with its
peak memory, as Snakemake measured it.
"""

import argparse
import csv

import numpy as np
import pandas as pd
import runs
import yaml

from myelosketch.io.tables import write_table
from myelosketch.io.volumes import load_volume, save_volume
from myelosketch.simulation.cohort import simulated_files

HRRT = (256, 256, 207)
SUBJECT = "MS01"
SIMULATION = {
    "seed": 77,
    "simulation": {
        "n_patients": 1,
        "n_controls": 0,
        "external": {"n_patients": 0, "n_controls": 0},
        "voxel_size_mm": {"anatomy": 1.0, "T1w": 0.8, "dwi": 1.5, "MTR": 1.0, "pet": 1.22},
    },
    "prediction": {"model": str(runs.ROOT / "configs/demo-model.zip")},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=runs.work_folder, help="folder of the runs; its tables are added to")
    work = parser.parse_args().work
    if runs.rows(work / "large.tsv"):
        return
    folder = work / "large"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "simulation.yaml").write_text(yaml.safe_dump(SIMULATION))
    (folder / "table.yaml").write_text(
        yaml.safe_dump(
            {
                "pathvars": {"results": "predicted"},
                "cohort": {"source": "table", "table": "new.tsv"},
                "prediction": {**SIMULATION["prediction"], "accept": {"all": ["MTR", "FA", "RD", "AD"]}},
            }
        )
    )
    files = simulated_files("results/simulated", SUBJECT, "MS")
    finish(folder, files["T1w"], config="simulation.yaml")
    lay_into_field(folder, files["DVR"])
    row = {
        "subject": SUBJECT,
        **{name: files[name] for name in ("T1w", "FA", "RD", "AD", "MTR", "lesion_mask")},
    }
    write_table(pd.DataFrame([row | {"DVR": "DVR.nii.gz"}]), folder / "new.tsv")
    finish(folder, "predict", config="table.yaml")
    for place in ("results", "predicted"):
        for path in sorted((folder / place / "benchmarks").rglob("*.tsv")):
            with path.open() as stream:
                found = next(csv.DictReader(stream, delimiter="\t"))
            rule = path.relative_to(folder / place / "benchmarks").parts[0].removesuffix(".tsv")
            runs.append(
                work / "large.tsv", rule=rule, peak_mb=found["max_rss"], cpu_seconds=found["cpu_time"]
            )


def finish(folder, target, *, config):
    """Run to the end or say why not."""
    status, words = runs.run(folder, target, configs=(folder / config,))
    if status:
        raise SystemExit(f"{target} failed:\n{words[-4000:]}")


def lay_into_field(folder, path):
    """The same voxels in the middle of the field of an HRRT, zero around them."""
    volume = load_volume(folder / path)
    data = np.zeros(HRRT, np.float32)
    before = (np.array(HRRT) - volume.data.shape) // 2
    data[tuple(slice(b, b + n) for b, n in zip(before, volume.data.shape, strict=True))] = volume.data
    affine = volume.affine.copy()
    affine[:3, 3] -= volume.affine[:3, :3] @ before
    save_volume(folder / "DVR.nii.gz", data, affine)


if __name__ == "__main__":
    main()
