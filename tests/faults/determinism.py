"""Run the tiny cohort again where something differs that must not matter, and compare every table, map and weight.

Changes that cannot hide each other go together into one run: where it equals the reference, none of them matters.
Each run is a row of determinism.tsv, and stays below elsewhere. Where files differ, the row says how many and of
which kind, the largest difference of a voxel of a predicted DVR map, the share of voxels that only one of both brain
masks has, and the largest difference of a scan's mean absolute error in lesions.
"""

import argparse
import os
import shutil
from collections import Counter

import numpy as np
import runs
import yaml

from myelosketch.io.tables import read_table, write_table
from myelosketch.io.volumes import load_volume

NOBODY = 65534
# who may read what root installed
AS_NOBODY = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
SURROUNDINGS = {
    "LC_ALL": "C",
    "LANG": "C",
    "TZ": "Pacific/Chatham",  # 12 h 45 min or 13 h 45 min before Greenwich
    "PYTHONHASHSEED": "4242",
}
# what the libraries of this workflow choose by the processor: Python's numbers (NumPy), products of matrices
# (OpenBLAS, MKL), networks (ATen, oneDNN)
OLD_PROCESSOR = {
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
# of a run from a table: its other tables hold no scores against the simulation's truth, or name paths. Rows of tables
# follow the order of the participants, so they are sorted before they are compared
OF_A_TABLE = (
    "cohort/folds.tsv",
    "registration/*.tsv",
    "derivatives/**/*.nii.gz",
    "derivatives/**/*.mat",
    "training/**/*.safetensors",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=runs.work_folder, help="folder of the runs; its tables are added to")
    work = parser.parse_args().work
    whole = runs.reference(work)
    known = {row["changed"] for row in runs.rows(work / "determinism.tsv")}
    for number, (changed, run) in enumerate(RUNS.items(), start=1):
        if changed not in known:
            folder = work / "elsewhere" / f"folder {number}"
            folder.mkdir(parents=True, exist_ok=True)
            status, words = run(folder, whole)
            if status:
                raise SystemExit(f"The run with {changed} failed:\n{words[-4000:]}")
            runs.append(work / "determinism.tsv", changed=changed, **compared(whole, folder))


def surroundings(folder, whole):
    """Another folder, two cores, locale, time zone, hash seed and, where root starts it, user."""
    before = ()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        before = AS_NOBODY
    return runs.run(folder, cores=2, before=before, HOME=str(folder), **SURROUNDINGS)


def old_processor(folder, whole):
    """The instructions of a processor of 2013."""
    return runs.run(folder, **OLD_PROCESSOR)


def reversed_table(folder, whole):
    """The images of the reference as a cohort of one's own, its last participant first."""
    shutil.copytree(whole / "results/simulated", folder / "data", dirs_exist_ok=True)  # with its times
    table = read_table(whole / "results/cohort/cohort.tsv").iloc[::-1].drop(columns="scan")
    paths = table.replace(r"^results/simulated/", "data/", regex=True)
    write_table(paths, folder / "cohort.tsv")
    config = folder / "table.yaml"
    config.write_text(yaml.safe_dump({"cohort": {"source": "table", "table": "cohort.tsv"}}))
    return runs.run(folder, configs=(*runs.CONFIGS, config))


RUNS = {
    "another folder, user, locale, time zone and hash seed; two cores": surroundings,
    "participants in the reverse order, as a table": reversed_table,
    "instructions of an older processor (AVX2)": old_processor,
}


def compared(whole, folder):
    """The columns of the row."""
    is_table = (folder / "table.yaml").is_file()
    patterns = OF_A_TABLE if is_table else runs.COMPARED
    one, other = (runs.hashes(place / "results", patterns) for place in (whole, folder))
    unlike = sorted(path for path in one if one[path] != other.get(path))
    if is_table:
        unlike = [
            path for path in unlike if not same_rows(whole / "results" / path, folder / "results" / path)
        ]
    kinds = Counter(path.split("/")[0] + " " + path.split(".", 1)[1] for path in unlike)
    largest, one_mask = dvr_differences(whole, folder)
    return {
        "compared": len(one),
        "different": len(unlike),
        "kinds": ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none",
        "largest_dvr": f"{largest:.2g}",
        "one_mask": f"{one_mask:.2g}",
        "largest_mae": f"{largest_mae(whole, folder):.2g}",
    }


def same_rows(first, second):
    """Whether two tables have the same rows in any order."""
    return first.suffix == ".tsv" and sorted(first.open()) == sorted(second.open())


def dvr_differences(whole, folder):
    """Of all predicted DVR maps: largest absolute difference of a voxel, and percent of voxels in one brain alone."""
    largest, alone, both = 0.0, 0, 0
    for path in sorted((whole / "results/derivatives").rglob("*_trc-PIB_meas-DVR_desc-*_mimap.nii.gz")):
        again = folder / path.relative_to(whole)
        if again.is_file() and "_space-" not in path.name and "/pet/" in str(path):
            one, other = load_volume(path).data, load_volume(again).data
            shared = (one != 0) & (other != 0)
            largest = max(largest, float(np.abs(one - other)[shared].max()))
            alone += int(((one != 0) != (other != 0)).sum())
            both += int(shared.sum())
    return largest, 100 * alone / (alone + both)


def largest_mae(whole, folder):
    """Largest absolute difference of a scan's mean absolute error in lesions."""
    keys = ["method", "scan", "region"]
    one, other = (
        read_table(place / "results/evaluation/voxelwise.tsv", numeric=("mae",)).set_index(keys).mae
        for place in (whole, folder)
    )
    lesions = one.index.get_level_values("region") == "lesion"
    return float((one[lesions] - other.reindex(one.index)[lesions]).abs().max())


if __name__ == "__main__":
    main()
