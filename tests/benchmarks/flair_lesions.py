"""How well lesions are found on FLAIR, against the masks of a simulated cohort and of real patients.

    python tests/benchmarks/flair_lesions.py results                      # a finished run on the simulated cohort
    python tests/benchmarks/flair_lesions.py results --real FOLDER ...    # folders as below
    python tests/benchmarks/flair_lesions.py results --participants MS01 MS03 ...

A folder of a real patient holds T1.nii.gz, FLAIR.nii.gz and lesion_consensus.nii.gz (open_ms_data, Lesjak 2017).
T1w and FLAIR must share a grid. The constants were chosen on the patients with an even number; those with an odd one
and the real ones are the test. Each row: Dice, found volume by true volume, share of the lesions of at least 30 mm3
that are hit, volume found beside lesions (mL), true volume (mL).
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.ndimage import label

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from myelosketch.imaging.anatomy.brain import brain_mask, prepare_head  # noqa: E402
from myelosketch.imaging.anatomy.flair import TOUCHING, find_lesions  # noqa: E402
from myelosketch.imaging.anatomy.template import place_template  # noqa: E402
from myelosketch.imaging.anatomy.tissue import segment  # noqa: E402
from myelosketch.io.volumes import Volume, check_same_grid, load_volume  # noqa: E402

SMALLEST_MM3 = 30


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", help="folder of a run on the simulated cohort")
    parser.add_argument("--participants", nargs="*", help="simulated ones, such as MS01; all if not given")
    parser.add_argument("--real", nargs="*", default=[], help="folders of real patients")
    parser.add_argument("--set", nargs="*", default=[], help="other constants, such as seed_sd=3")
    arguments = parser.parse_args()
    settings = yaml.safe_load((ROOT / "config.yaml").read_text())
    constants = settings["lesions"]["flair"] | {
        key: float(value) for key, value in (pair.split("=") for pair in arguments.set)
    }
    rows = []
    chosen = simulated(Path(arguments.results), arguments.participants)
    for name, files in [*chosen, *real(arguments.real)]:
        flair, lesion, grid = read(files)
        tissue, priors = segmentation_of(files["T1w"], settings["tissue"], settings["seed"])
        found = find_lesions(flair, tissue, priors, grid.voxel_size, **constants)
        rows.append({"scan": name, **scores(found, lesion, grid.voxel_volume)})
        print(pd.DataFrame(rows[-1:]).round(3).to_string(index=False, header=len(rows) == 1), flush=True)
    table = pd.DataFrame(rows)
    table["set"] = [part(scan) for scan in table.scan]
    print(table.groupby("set").mean(numeric_only=True).round(3).to_string())


def part(scan):
    """Which patients a scan counts with."""
    if scan.startswith("sub-MS"):
        return "even (chosen on)" if int(scan[-2:]) % 2 == 0 else "odd (test)"
    return "controls" if scan.startswith("sub-HC") else "real"


def simulated(results, participants=None):
    for folder in sorted((results / "simulated").glob("sub-*/anat")):
        scan = folder.parent.name
        if participants is not None and scan.removeprefix("sub-") not in participants:
            continue
        mask = results / f"simulated/derivatives/lesions/{scan}/anat/{scan}_label-lesion_mask.nii.gz"
        files = {name: folder / f"{scan}_{name}.nii.gz" for name in ("T1w", "FLAIR")}
        yield scan, files | {"mask": mask if mask.is_file() else None}


def real(folders):
    for folder in map(Path, folders):
        names = {"T1w": "T1", "FLAIR": "FLAIR", "mask": "lesion_consensus"}
        yield folder.name, {key: folder / f"{name}.nii.gz" for key, name in names.items()}


def read(files):
    """FLAIR, true lesions and the grid."""
    grid, flair = load_volume(files["T1w"]), load_volume(files["FLAIR"])
    check_same_grid(grid, flair)
    lesion = load_volume(files["mask"]).data > 0 if files["mask"] else np.zeros(grid.shape, bool)
    return flair.data, lesion, grid


def segmentation_of(t1w, settings, seed):
    """First segmentation without filled lesions, and the template's priors, on the T1w grid."""
    whole = load_volume(t1w)
    head = prepare_head(whole)
    place = {"bend": settings["template"], "metric": "mattes", "sampling": 0.2, "starts": 8, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        only = Volume(np.where(head.inside, head.image.data, 0), head.image.affine)
        priors = place_template(only, f"{folder}/t1w_to_mni.mat", **place)
    inside = None if head.stripped else head.inside
    brain = brain_mask(head.image.data, sum(priors.values()), head.image.voxel_size, inside=inside)
    chosen = {key: settings[key] for key in ("prior_weight", "iterations", "smoothing")}
    tissue = segment(head.image, brain, priors, np.zeros(brain.shape, bool), **chosen, seed=seed)

    def on_whole(data):
        full = np.zeros(whole.shape, data.dtype)
        full[head.box] = data
        return full

    likely = {"csf": priors["csf"], "grey": priors["grey"] + priors["deep"], "white": priors["white"]}
    return on_whole(tissue), {name: on_whole(prior) for name, prior in likely.items()}


def scores(found, lesion, voxel_volume):
    parts, count = label(lesion, TOUCHING)
    volumes = np.bincount(parts.ravel(), minlength=count + 1)[1:] * voxel_volume
    hit = np.isin(np.arange(1, count + 1), parts[found])
    large = volumes >= SMALLEST_MM3
    both = (found & lesion).sum()
    return {
        "dice": 2 * both / (found.sum() + lesion.sum()) if lesion.any() else np.nan,
        "ratio": found.sum() / lesion.sum() if lesion.any() else np.nan,
        "sensitivity": hit[large].mean() if large.any() else np.nan,
        "false_ml": (found & ~lesion).sum() * voxel_volume / 1000,
        "true_ml": lesion.sum() * voxel_volume / 1000,
    }


if __name__ == "__main__":
    main()
