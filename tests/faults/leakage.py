"""Change all that was measured in the held-out participants of each fold: nothing that the fold learns may change.

Every voxel of the PET maps of a fold's held-out scans gets another value, and every voxel of the brain in their
region maps (white matter, lesion, the rest) another class, in a copy of the finished tiny run. There the packs, the
template, the threshold, the models and the recalibration of the fold are made again. Each artefact is a row of
leakage.tsv: whether its bytes are those of before. As a control the same is done to a scan that the fold learns from,
where artefacts must change.
"""

import argparse
import shutil

import numpy as np
import runs

from myelosketch.io import names
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import load_volume, save_volume

RULES = ("pack_fold", "fit_template", "fit_baseline", "fit_recalibration", "train_network", "fit_threshold")
LEARNED = ("*/model.safetensors", "threshold.json", "white-matter_*.nii.gz")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=runs.work_folder, help="folder of the runs; its tables are added to")
    work = parser.parse_args().work
    whole = runs.reference(work)
    folds = read_table(whole / "results/cohort/folds.tsv", numeric=("fold",))
    for fold in sorted(set(folds.fold)):
        known = {(row["fold"], row["changed"]) for row in runs.rows(work / "leakage.tsv")}
        held_out = [f"sub-{subject}" for subject in folds.subject[folds.fold == fold]]
        learned = [f"sub-{subject}" for subject in folds.subject[folds.fold != fold]]
        for changed, scans in (("held-out scans", held_out), ("control: a training scan", learned[:1])):
            if (str(fold), changed) not in known:
                prove(work, whole, fold, changed, scans)


def prove(work, whole, fold, changed, scans):
    """Change scans, make again what a fold learns, and write a row for each artefact."""
    folder = runs.copy_of(whole, work / "leaking")
    for scan in scans:
        change(folder / "results", scan)
    packs = [
        f"results/training/scans/fold-{other}.safetensors" for other in pack_folds(folder) if other != fold
    ]
    paths = [
        str(path.relative_to(folder))
        for pattern in LEARNED
        for path in sorted(folder.glob(f"results/training/fold-{fold}/{pattern}"))
    ]
    before = runs.hashes(whole, [*packs, *paths])
    status, words = runs.run(folder, *packs, *paths, "--forcerun", *RULES, "--rerun-triggers", "input")
    if status:
        raise SystemExit(f"Fold {fold} could not be made again:\n{words[-4000:]}")
    after = runs.hashes(folder, [*packs, *paths])
    for path in before:
        runs.append(
            work / "leakage.tsv",
            fold=fold,
            changed=changed,
            scans=len(scans),
            artefact=path.removeprefix("results/training/"),
            same="yes" if after.get(path) == before[path] else "no",
        )
    shutil.rmtree(folder)


def pack_folds(folder):
    """Numbers of the folds that have a pack."""
    return [int(path.stem.split("-")[1]) for path in sorted(folder.glob("results/training/scans/fold-*"))]


def change(results, scan):
    """Give every voxel of a scan's PET another value, and of its lesions and regions another class."""
    generator = np.random.default_rng(0)
    pet = load_volume(names.path(results, "dvr", scan=scan))
    save_volume(pet.path, pet.data + generator.uniform(0.05, 0.5, pet.data.shape), pet.affine)
    regions = load_volume(names.path(results, "regions", scan=scan))
    # patient or control: white matter, lesion and the rest change places; outside the brain stays outside
    swapped = np.array([0, 2, 3, 1], np.uint8)[regions.data.astype(int)]
    save_volume(regions.path, swapped, regions.affine)


if __name__ == "__main__":
    main()
