"""Results of a small run for tests of the report: tables by the evaluation's own code, stored maps, figures."""

import functools

import figure_tables
import nibabel as nib
import numpy as np
import pandas as pd

from myelosketch.cohort.table import cohort_from_rows
from myelosketch.evaluation.lesions import label_lesions
from myelosketch.evaluation.scoring import ScanScorer
from myelosketch.evaluation.summary import summarise_tables
from myelosketch.io import names
from myelosketch.io.provenance import write_json
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import Volume, save_volume
from myelosketch.reporting.figures import ladder as ladder_figure
from myelosketch.reporting.figures.saving import draw

FACTS = {
    "simulated": True, "world": "as_published", "n_patients": 4, "n_controls": 2, "n_folds": 2, "method": "refiner",
    "method_name": "Refiner (Wei 2018)", "k": 1.0, "alpha": 0.05, "example_patient": "",
    "agreement_colours": "paper", "min_lesion_mm3": 100, "adjust_for": ["age", "sex"], "relate_to": ["EDSS"],
    "in_force": {"k": 1.0, "reference": "pooled", "perilesional_mm": 3.0, "min_lesion_mm3": 100},
}  # fmt: skip
# content of provenance.json
PROVENANCE = {
    "seed": 2018, "commit": None, "software": {"python": "3.11.2", "numpy": "2.3.5"}, "config": {"seed": 2018},
}  # fmt: skip
MEAN, SD = 1.27, 0.1  # of healthy white matter
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
SHAPE = (16, 18, 14)
MEASURED = "pet"


def patient(seed):
    """Region map and true DVR of one patient with three lesions, each with its own mean (arrays x, y, z)."""
    rng = np.random.default_rng(seed)
    regions = np.zeros(SHAPE, np.uint8)
    regions[1:-1, 1:-1, 1:-1] = 1
    regions[3:13, 3:15, 3:11] = 2
    dvr = rng.normal(MEAN, 0.05, SHAPE)
    for box in (np.s_[4:7, 4:8, 4:7], np.s_[9:12, 4:7, 5:8], np.s_[5:8, 11:14, 8:10]):
        regions[box] = 3
        dvr[box] = rng.uniform(1.0, 1.3) + rng.normal(0, 0.05, dvr[box].shape)
    return regions, dvr


def predictions(dvr, regions, seed):
    """Predicted DVR by method: one useful method and three without knowledge."""
    rng = np.random.default_rng(1000 + seed)
    lesion = regions == 3
    contrast = np.zeros(SHAPE)
    numbers, _ = label_lesions(lesion, voxel_volume=27.0)
    for number in range(1, numbers.max() + 1):  # how dark a lesion is in the MRI, whatever its myelin
        contrast[numbers == number] = rng.uniform(-0.15, 0.15)
    return {
        "refiner": dvr + rng.normal(0, 0.05, SHAPE),
        "all_demyelinated": np.where(lesion, 0.9, MEAN),
        "the_mean": np.where(lesion, 1.15, MEAN),
        "copied_contrast": np.where(lesion, 1.15, MEAN) + contrast + rng.normal(0, 0.03, SHAPE),
    }


def score(people, methods=None):
    """Tables voxelwise, demyelination, lesions and summary of patients, by the evaluation's own functions."""
    rows = {"voxelwise": [], "demyelination": [], "lesions": []}
    reference = {"mean": MEAN, "sd": SD}
    for seed, subject in enumerate(people):
        regions, dvr = patient(seed)
        options = {"k": 1.0, "ks": [0.5, 2.0], "dvr_range": (0, 2), "min_lesion_mm3": 100}
        scorer = ScanScorer(Volume(dvr, AFFINE), regions, reference, **options)
        for method, predicted in predictions(dvr, regions, seed).items():
            shared = {
                "method": method,
                "scan": f"sub-{subject}",
                "subject": subject,
                "group": "MS",
                "fold": 1,
            }
            scored = scorer.score(predicted, patient=True)
            for name, table in rows.items():
                table += [shared | row for row in scored[name]]
    tables = {name: pd.DataFrame(table) for name, table in rows.items()}
    if methods:
        tables = {name: table[table.method.isin(methods)] for name, table in tables.items()}
    found = list(dict.fromkeys(tables["voxelwise"].method))
    tables["summary"] = summarise_tables(tables, methods=found, draws=1000, seed=1, alpha=0.05)
    return tables


def write_run(root, people=("MS01", "MS02", "MS03", "MS04")):
    """A finished run: every table of the report, one figure, one scan left out for a reason that contains HTML."""
    figure_tables.write_tables(root / "evaluation", patients=list(people), controls=["HC01", "HC02"])
    (root / "registration").mkdir()
    (root / "evaluation/qc.tsv").rename(root / "registration/qc.tsv")
    for page in ("registration/qc.html", "cohort/intake.html"):
        (root / page).parent.mkdir(exist_ok=True)
        (root / page).write_text("<!DOCTYPE html><title>a page</title>")
    for name, table in score(people).items():
        write_table(table, root / f"evaluation/{name}.tsv")
    subjects = [*people, "HC01", "HC02"]
    folds = pd.DataFrame({"subject": subjects, "group": [name[:2] for name in subjects]})
    write_table(folds.assign(fold=[place % 2 + 1 for place in range(len(folds))]), root / "cohort/folds.tsv")
    rows = [{"subject": name, "group": name[:2], "sex": "F", "scanner": "<b>3 T</b>"} for name in subjects]
    write_table(cohort_from_rows(rows), root / "cohort/cohort.tsv")
    excluded = pd.DataFrame([["sub-09", "<script>alert(1)</script> & no MTR"]], columns=["scan", "reason"])
    write_table(excluded, root / "cohort/excluded.tsv")
    claims = [["C1", "NAWM does not differ", source, "holds", "p = 0.4"] for source in ("pet", "refiner")]
    columns = ["claim", "statement", "source", "verdict", "evidence"]
    write_table(pd.DataFrame(claims, columns=columns), root / "evaluation/claims.tsv")
    card = {"fold": 1, "mean": MEAN, "sd": SD, "n_voxels": 5000, "controls": ["HC01", "HC02"]}
    write_json(root / "training/fold-1/threshold.json", card)
    paths = {suffix: root / f"figures/ladder.{suffix}" for suffix in ("png", "svg", "tsv")}
    tables = [root / "evaluation/summary.tsv"]
    build = functools.partial(ladder_figure.build_ladder, *tables, k=1.0, simulated=True)
    draw(build, title="Ladder", simulated=True, dpi=60, **paths)


def write_maps(root, scan, seed, methods, *, affine=AFFINE):
    """The stored volumes that a patient's page reads; ``affine`` may flip axes (the content stays in place)."""
    regions, dvr = patient(seed)
    predicted = predictions(dvr, regions, seed)
    flips = tuple(axis for axis in range(3) if affine[axis, axis] < 0)
    placed = affine.copy()
    placed[:3, 3] = [3.0 * (SHAPE[axis] - 1) if axis in flips else 0.0 for axis in range(3)]

    def write(key, data, **entities):
        save_volume(names.path(root, key, scan=scan, **entities), np.flip(data, flips), placed)

    write("regions", regions)
    write("dvr", dvr)
    rng = np.random.default_rng(seed)
    for name in ("mtr", "fa", "rd", "ad"):
        write(name, rng.uniform(0.1, 1.0, SHAPE))
    lesion = regions == 3
    for method, values in {MEASURED: dvr, **{name: predicted[name] for name in methods}}.items():
        write("demyelinated", (lesion & (values < MEAN - SD)).astype(np.uint8), method=method)
        if method != MEASURED:
            write("predicted", values, method=method)
    assert nib.aff2axcodes(placed) == nib.aff2axcodes(affine)
