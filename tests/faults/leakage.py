"""Change all that was measured in the held-out participants of each fold: nothing that the fold learns may change.

Every voxel of the PET maps of a fold's held-out scans gets another value, and every voxel of the brain in their
region maps (white matter, lesion, the rest) another class, in a copy of the finished tiny run. There the packs, the
template, the threshold, the models and the recalibration of the fold are made again, and the predictions of its
held-out scans. Each artefact is a row of leakage.tsv: whether its bytes are those of before. As a control the same is
done to a scan that the fold learns from, where artefacts must change. Then the measured values of the held-out
participants change in the tables of scores: their intervals, calibrated on other folds, may not change.

Shuffled labels: the DVR of all lesion voxels of all patients is permuted, so that nothing about a lesion voxel tells
its DVR. What is learned and scored from there must find no correlation in lesions, and no error below that of one
constant. Whole maps are not exchanged between participants instead, because heads are alike: a map of somebody else
is still predictable.
"""

import argparse
import os
import shutil

import numpy as np
import runs
import yaml

from myelosketch.evaluation.coverage import LEVELS, leave_out
from myelosketch.evaluation.intervals import bounds, calibrate
from myelosketch.evaluation.residuals import QUANTITIES, SOURCES, held_out_residuals
from myelosketch.evaluation.summary import read_scores
from myelosketch.io import names
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import load_volume, save_volume

RULES = (
    *("pack_fold", "fit_template", "fit_baseline", "fit_recalibration", "train_network", "fit_threshold"),
    "predict_scan",
)
PREDICTED = "pet/*_trc-PIB_meas-DVR_desc-*_mimap.nii.gz"
# a recalibrated prediction depends on the region map, which comes from MRI, and not on the PET
READS_REGIONS = ": predictions that read the region map"
# the tiny networks learn in six steps what no score shows; these learn from the same packs
SHUFFLED = ("template", "ridgemeans", "ridgevoxel", "trees")
PERMUTATIONS = 5
LEARNED = ("*/model.safetensors", "threshold.json", "white-matter_*.nii.gz")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=runs.work_folder, help="folder of the runs; its tables are added to")
    work = parser.parse_args().work
    whole = runs.reference(work)
    folds = read_table(whole / "results/cohort/folds.tsv", numeric=("fold",))
    for fold in sorted(set(folds.fold)):
        known = {(row["fold"], row["changed"]) for row in rows(work)}
        held_out = [f"sub-{subject}" for subject in folds.subject[folds.fold == fold]]
        learned = [f"sub-{subject}" for subject in folds.subject[folds.fold != fold]]
        for changed, scans in (("held-out scans", held_out), ("control: a training scan", learned[:1])):
            if (str(fold), changed) not in known:
                prove(work, whole, fold, changed, scans, held_out)
        if (str(fold), "held-out values") not in known:
            prove_intervals(work, whole, fold)
    for permutation in range(len(runs.rows(work / "shuffled.tsv")) // len(SHUFFLED) + 1, PERMUTATIONS + 1):
        shuffle(work, whole, permutation)


def rows(work):
    return runs.rows(work / "leakage.tsv")


def prove(work, whole, fold, changed, scans, held_out):
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
    paths += [
        str(path.relative_to(folder))
        for scan in held_out
        for path in sorted(folder.glob(f"results/derivatives/{scan}/{PREDICTED}"))
        if "_space-" not in path.name
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
            changed=changed + (READS_REGIONS if "recal_mimap" in path else ""),
            scans=len(scans),
            artefact=path.removeprefix("results/"),
            same="yes" if after.get(path) == before[path] else "no",
        )
    shutil.rmtree(folder)


def prove_intervals(work, whole, fold):
    """Change measured values of the held-out participants in the tables, and write a row for each method."""
    tables = {name: read_scores(whole / f"results/evaluation/{name}.tsv") for name in SOURCES}
    folds = tables["regions"].drop_duplicates("subject").set_index("subject").fold.astype(str)
    for changed, is_changed in (
        ("held-out values", lambda people: people.map(folds) == str(fold)),
        ("control: values of the other folds", lambda people: people.map(folds) != str(fold)),
    ):
        for method in sorted(set(tables["regions"].method) - set(names.CEILINGS)):
            residuals = held_out_residuals(tables, method, 1.0)
            other = residuals.copy()
            other.loc[is_changed(other.participant), "true"] += 0.3
            before, after = (intervals(table, folds, fold) for table in (residuals, other))
            runs.append(
                work / "leakage.tsv",
                fold=fold,
                changed=changed,
                scans=len(set(residuals.participant[is_changed(residuals.participant)])),
                artefact=f"{len(before)} bounds of intervals of {method}",
                same="yes" if np.array_equal(before, after, equal_nan=True) else "no",
            )


def intervals(residuals, folds, fold):
    """Bounds of all intervals of the participants of a fold, calibrated on the participants of the others."""
    found = []
    for quantity in QUANTITIES:
        part = residuals[residuals.quantity == quantity].reset_index(drop=True)
        for tested, calibration in leave_out(part, part.participant.map(folds)):
            for row in tested[tested.participant.map(folds) == str(fold)].itertuples():
                for level in LEVELS:
                    kind = calibrate(calibration, quantity, level, size=row.size, group=row.group)
                    found += map(float, bounds(row.predicted, kind.radius, quantity))
    return np.array(found)


def shuffle(work, whole, permutation):
    """Permute the DVR of all patients' lesion voxels, learn and score again, and write a row for each method."""
    folder = runs.copy_of(whole, work / "shuffling")
    results = folder / "results"
    folds = read_table(results / "cohort/folds.tsv")
    scans = [f"sub-{subject}" for subject in folds.subject[folds.group == "MS"]]
    maps = {scan: load_volume(names.path(results, "dvr", scan=scan)) for scan in scans}
    lesions = {
        scan: load_volume(names.path(results, "regions", scan=scan)).data == names.REGION_CODES["lesion"]
        for scan in scans
    }
    values = np.concatenate([maps[scan].data[lesions[scan]] for scan in scans])
    permuted = np.random.default_rng(permutation).permutation(values)
    for scan, part in zip(
        scans, np.split(permuted, np.cumsum([lesions[scan].sum() for scan in scans])[:-1]), strict=True
    ):
        data = maps[scan].data.copy()
        data[lesions[scan]] = part
        replace(maps[scan], data)
    config = folder / "shuffled.yaml"
    config.write_text(yaml.safe_dump({"training": {"methods": list(SHUFFLED)}}))
    scores = "results/evaluation/voxelwise.tsv"
    forced = [rule for rule in RULES if rule not in ("train_network", "fit_recalibration")]
    status, words = runs.run(
        folder,
        *(scores, "--forcerun", *forced, "score_scan", "gather_scores", "--rerun-triggers", "input"),
        configs=(*runs.CONFIGS, config),
    )
    if status:
        raise SystemExit(f"Permutation {permutation} could not be learned:\n{words[-4000:]}")
    constant = np.abs(values - np.median(values)).mean()
    before, after = (in_lesions(place / scores) for place in (whole, folder))
    for method in SHUFFLED:
        runs.append(
            work / "shuffled.tsv",
            permutation=permutation,
            method=method,
            scans=len(scans),
            voxels=len(values),
            r_before=f"{before.pearson_r[method]:.3f}",
            r=f"{after.pearson_r[method]:.3f}",
            mae_before=f"{before.mae[method]:.4f}",
            mae=f"{after.mae[method]:.4f}",
            mae_constant=f"{constant:.4f}",
        )
    shutil.rmtree(folder)


def in_lesions(path):
    """Correlation (mean over scans) and error (mean over voxels) in the lesions, by method."""
    table = read_table(path, numeric=("pearson_r", "mae", "n_voxels"))
    table = table[table.region == "lesion"]
    weighted = table.assign(mae=table.mae * table.n_voxels).groupby("method")
    return weighted.agg({"pearson_r": "mean", "mae": "sum", "n_voxels": "sum"}).assign(
        mae=lambda sums: sums.mae / sums.n_voxels
    )


def pack_folds(folder):
    """Numbers of the folds that have a pack."""
    return [int(path.stem.split("-")[1]) for path in sorted(folder.glob("results/training/scans/fold-*"))]


def change(results, scan):
    """Give every voxel of a scan's PET another value, and of its lesions and regions another class."""
    generator = np.random.default_rng(0)
    pet = load_volume(names.path(results, "dvr", scan=scan))
    replace(pet, pet.data + generator.uniform(0.05, 0.5, pet.data.shape))
    regions = load_volume(names.path(results, "regions", scan=scan))
    # patient or control: white matter, lesion and the rest change places; outside the brain stays outside
    swapped = np.array([0, 2, 3, 1], np.uint8)[regions.data.astype(int)]
    replace(regions, swapped)


def replace(volume, data):
    """Write other values under the old date: a newer DVR would have the region map made again from the anatomy."""
    before = os.stat(volume.path)
    save_volume(volume.path, data, volume.affine)
    os.utime(volume.path, ns=(before.st_atime_ns, before.st_mtime_ns))


if __name__ == "__main__":
    main()
