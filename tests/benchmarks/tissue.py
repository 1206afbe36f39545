"""Tissue of a simulated cohort compared with its truth, and the cost.

    python tests/benchmarks/tissue.py results/simulated [--template affine syn] [--participants MS01 HC01 ...]

Each participant is prepared and segmented as in prepare_anatomy, with its own lesion mask, on one thread. White
matter is scored farther than 3 mm from true lesions. "lesions" is the share of the masked voxels that Atropos calls
white matter when it knows only their filled intensities (without them being named white matter before and after).
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

import numpy as np
import pandas as pd
from scipy.ndimage import affine_transform, distance_transform_edt

from myelosketch.imaging.anatomy import tissue as steps
from myelosketch.imaging.anatomy.brain import brain_mask, prepare_head
from myelosketch.imaging.anatomy.template import check_likeness, place_template
from myelosketch.io.provenance import read_json
from myelosketch.io.volumes import Volume, load_volume

SETTINGS = {"prior_weight": 0.25, "iterations": 3, "smoothing": 0.1, "seed": 2018}
AWAY_MM = 3.0
TRUE = {"csf": 1, "cortex": 2, "deep": 3, "white": 4, "lesion": 5}


def true_tissue(root, name, grid):
    """Codes of TRUE on the grid of the T1w image (array)."""
    folder = root / "derivatives/truth" / f"sub-{name}"
    pose = np.array(read_json(folder / f"sub-{name}_poses.json")["T1w"])
    truth = load_volume(folder / f"sub-{name}_space-anatomy_desc-tissue_dseg.nii.gz")
    mapping = np.linalg.inv(truth.affine) @ np.linalg.inv(pose) @ grid.affine
    return affine_transform(truth.data, mapping[:3, :3], mapping[:3, 3], grid.shape, order=0).astype(np.uint8)


def measure(root, name, template):
    """One participant's scores and seconds of CPU: dict."""
    grid = load_volume(root / f"sub-{name}/anat/sub-{name}_T1w.nii.gz")
    mask = root / f"derivatives/lesions/sub-{name}/anat/sub-{name}_label-lesion_mask.nii.gz"
    start = time.process_time()
    head = prepare_head(grid)
    with tempfile.TemporaryDirectory() as folder:
        only = Volume(np.where(head.inside, head.image.data, 0), head.image.affine)
        place = {"metric": "mattes", "sampling": 0.2, "starts": 8, "seed": SETTINGS["seed"]}
        priors = place_template(only, f"{folder}/xfm.mat", bend=template, **place)
    inside = None if head.stripped else head.inside
    brain = brain_mask(head.image.data, sum(priors.values()), head.image.voxel_size, inside=inside)
    lesion = load_volume(mask).data[head.box] > 0 if mask.is_file() else np.zeros(brain.shape, bool)
    found = steps.segment(head.image, brain, priors, lesion, **SETTINGS)
    seconds = time.process_time() - start
    true = true_tissue(root, name, grid)[head.box]
    row = scores(found, true, head.image.voxel_size)
    row |= {"likeness": check_likeness(head.image, brain, priors), "cpu_s": seconds}
    if lesion.any():
        filled = steps.fill_lesions(head.image.data, lesion, priors["white"], brain, head.image.voxel_size)
        plain = steps.segment(
            Volume(filled, head.image.affine), brain, priors, np.zeros_like(lesion), **SETTINGS
        )
        row["lesions"] = (plain[lesion & brain] == steps.TISSUE_CODES["white matter"]).mean()
    return {"participant": name, "template": template, **row}


def scores(found, true, voxel_size):
    """Dice of each tissue, and where deep grey matter and cortex went wrong: dict."""
    lesion = true == TRUE["lesion"]
    away = distance_transform_edt(~lesion, sampling=voxel_size) > AWAY_MM if lesion.any() else ~lesion
    found, true = found[away], true[away]
    white = found == steps.TISSUE_CODES["white matter"]

    def dice(first, second):
        return 2 * (first & second).sum() / (first.sum() + second.sum())

    return {
        "white": dice(white, true == TRUE["white"]),
        "grey": dice(
            found == steps.TISSUE_CODES["grey matter"], (true == TRUE["cortex"]) | (true == TRUE["deep"])
        ),
        "csf": dice(found == steps.TISSUE_CODES["CSF"], true == TRUE["csf"]),
        "brain": dice(found > 0, true > 0),
        "deep_as_white": white[true == TRUE["deep"]].mean(),
        "white_is_deep": (true[white] == TRUE["deep"]).mean(),
        "white_is_cortex": (true[white] == TRUE["cortex"]).mean(),
    }


def main():
    """Print a table, one line per participant, and its means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path)
    parser.add_argument("--template", nargs="+", default=["affine", "syn"], choices=["affine", "syn"])
    parser.add_argument("--participants", nargs="+")
    chosen = parser.parse_args()
    names = chosen.participants or sorted(path.name[4:] for path in chosen.root.glob("sub-*"))
    rows = []
    for template in chosen.template:
        for name in names:
            rows.append(measure(chosen.root, name, template))
            print(" ".join(f"{key} {value:.3f}" if isinstance(value, float) else str(value)
                           for key, value in rows[-1].items()), flush=True)  # fmt: skip
    table = pd.DataFrame(rows).drop(columns="participant").groupby("template")
    print(table.agg(["mean", "min", "max"]).T.unstack().to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()
