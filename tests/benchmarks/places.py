"""How often a lesion gets its true place, in a finished run on the simulated cohort.

    python tests/benchmarks/places.py RESULTS [--smallest 50]

For each lesion on the PET grid (of the smallest volume in mm3 or more): its place as the evaluation finds it, from
segmented tissue and the affine placement of the template; and its true place, from the true tissue on the anatomy
grid and the true warp to MNI152, over the true lesion voxels that fall into the lesion, by the same limits. A true
distance is the 2nd percentile of these voxels', so that a single voxel does not decide. The borders of cerebellum and
brain stem are the same on both sides; only where a lesion lies relative to them is measured.
"""

import argparse
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import yaml
from scipy import ndimage

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from myelosketch.evaluation.lesions import label_lesions  # noqa: E402
from myelosketch.evaluation.mni import to_world  # noqa: E402
from myelosketch.evaluation.places import CODES, PLACES, ScanPlaces  # noqa: E402
from myelosketch.imaging.registration.fractions import read_fractions  # noqa: E402
from myelosketch.io import names  # noqa: E402
from myelosketch.io.provenance import read_json  # noqa: E402
from myelosketch.io.tables import read_table  # noqa: E402
from myelosketch.io.volumes import load_volume  # noqa: E402
from myelosketch.simulation.cohort import truth_files  # noqa: E402
from myelosketch.simulation.truth import TISSUE_CODES  # noqa: E402

SETTINGS = yaml.safe_load((ROOT / "config.yaml").read_text())["evaluation"]
LIMITS = {key: SETTINGS[key] for key in ("periventricular_mm", "juxtacortical_mm")}
NEAREST = 2  # percentile of the voxels' distances


def found_lesions(results, scan, smallest):
    """Lesions on the PET grid and their places: label array, affine, list of str."""
    path = {key: names.path(results, key, scan=scan) for key in ("regions", "fractions")}
    path |= {key: names.path(results, key, scan=scan) for key in ("xfm_t1w_to_petref", "xfm_t1w_to_mni")}
    regions = load_volume(path["regions"], dtype=np.int16)
    lesion = regions.data == names.REGION_CODES["lesion"]
    labels, _ = label_lesions(lesion, voxel_volume=regions.voxel_volume, min_volume_mm3=smallest)
    fractions, affine = read_fractions(path["fractions"])
    places = ScanPlaces.of_scan(fractions, affine, path | {"places": results / "evaluation/places.nii.gz"})
    return labels, regions.affine, places.of_lesions(labels, **LIMITS)


def true_labels(truth, tissue, template):
    """The template's codes at each voxel of the anatomy, through the true warp (array x, y, z)."""
    warp = nib.load(truth["warp"])  # on a coarser grid than the anatomy
    places = to_world(np.indices(tissue.shape).reshape(3, -1).T, tissue.affine)
    at = to_world(places, np.linalg.inv(warp.affine)).T
    shift = [
        ndimage.map_coordinates(np.asarray(warp.dataobj)[..., axis], at, order=1, mode="nearest")
        for axis in range(3)
    ]
    there = places + np.transpose(shift)
    voxels = to_world(there, np.linalg.inv(template.affine))
    return ndimage.map_coordinates(template.data, voxels.T, order=0, cval=0).reshape(tissue.shape)


def distance(target, voxel_mm):
    """Distance of every voxel to a target between surfaces of voxels, mm; infinite without a target."""
    if not target.any():
        return np.full(target.shape, np.inf)
    return np.maximum(ndimage.distance_transform_edt(~target, voxel_mm) - voxel_mm, 0)


def true_places(results, scan, lesion_labels, affine, template):
    """True place of each lesion; None where no true lesion voxel falls into it."""
    truth = truth_files(results / "simulated", names.subject_of(scan))
    tissue = load_volume(truth["tissue"], dtype=np.uint8)
    lesions = load_volume(truth["lesions"], dtype=np.int16)
    codes = true_labels(truth, tissue, template)
    csf = tissue.data == TISSUE_CODES["csf"]
    parts, _ = ndimage.label(csf & np.isin(codes, (CODES["ventricles"], CODES["near ventricles"])))
    kept = np.unique(parts[(parts > 0) & (codes == CODES["ventricles"])])
    voxel_mm = float(np.linalg.norm(tissue.affine[:3, 0]))
    to_ventricles = distance(np.isin(parts, kept[kept > 0]), voxel_mm)
    to_cortex = distance(tissue.data == TISSUE_CODES["cortex"], voxel_mm)
    index = np.argwhere(lesions.data > 0)
    pose = np.asarray(read_json(truth["poses"])["pet"], float)
    voxels = np.round(
        to_world(to_world(to_world(index, lesions.affine), pose), np.linalg.inv(affine))
    ).astype(int)
    inside = ((voxels >= 0) & (voxels < lesion_labels.shape)).all(axis=1)
    index, numbers = index[inside], lesion_labels[tuple(voxels[inside].T)]
    places = []
    for number in range(1, int(lesion_labels.max(initial=0)) + 1):
        own = tuple(index[numbers == number].T)
        if not own[0].size:
            places.append(None)
        elif (codes[own] == CODES["infratentorial"]).mean() > 0.5:
            places.append("infratentorial")
        elif np.percentile(to_ventricles[own], NEAREST) <= LIMITS["periventricular_mm"] + 1e-6:
            places.append("periventricular")
        else:
            near = np.percentile(to_cortex[own], NEAREST) <= LIMITS["juxtacortical_mm"] + 1e-6
            places.append("juxtacortical" if near else "deep")
    return places


def main():
    """Print found against true places, and the share that agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="results folder of a finished run on the simulated cohort")
    parser.add_argument("--smallest", type=float, default=50.0, help="volume of the smallest lesion, mm3")
    chosen = parser.parse_args()
    template = load_volume(chosen.results / "evaluation/places.nii.gz", dtype=np.uint8)
    cohort = read_table(chosen.results / "cohort/cohort.tsv")
    rows = []
    for scan in cohort.scan[cohort.group == "MS"]:
        labels, affine, found = found_lesions(chosen.results, scan, chosen.smallest)
        rows += zip(found, true_places(chosen.results, scan, labels, affine, template), strict=True)
    table = pd.DataFrame(rows, columns=["found", "true"])
    unknown = int(table.true.isna().sum())
    table = table.dropna()
    counts = pd.crosstab(table.found, table.true).reindex(index=PLACES, columns=PLACES, fill_value=0)
    print(counts.to_string())
    print(f"\n{(table.found == table.true).sum()} of {len(table)} lesions have their true place")
    for place in PLACES:
        print(
            f"  {place}: {counts.loc[place, place]} of the {counts[place].sum()} that truly are so, and of the "
            f"{counts.loc[place].sum()} found"
        )
    if unknown:
        print(f"{unknown} lesions hold no true lesion voxel")


if __name__ == "__main__":
    main()
