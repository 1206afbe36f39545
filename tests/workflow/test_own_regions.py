"""User-defined regions in a finished run: only their jobs run, their tables, a valid dataset, a message for a
typo."""

import shutil

import numpy as np
import pytest
import yaml
from nilearn.datasets import load_mni152_brain_mask
from test_bids_validator import VALIDATOR, issues
from workflow_run import SMOKE, jobs, snakemake

from myelosketch.io.tables import read_table
from myelosketch.io.volumes import save_volume

LABELS, SCORES = (
    {"label_own_regions", "score_own_regions"},
    {"gather_own_regions", "gather_external_own_regions"},
)


def configured(folder, **atlases):
    (folder / "mine.yaml").write_text(yaml.safe_dump({"evaluation": {"atlases": atlases}}))
    return (SMOKE, folder / "mine.yaml")


@pytest.fixture(scope="module")
def finished(smoke, tmp_path_factory):
    """Copy of a finished run, with an atlas in MNI152 space and one image per patient, after their jobs."""
    folder = tmp_path_factory.mktemp("own") / "run"
    shutil.copytree(smoke, folder, symlinks=True)
    brain = load_mni152_brain_mask(resolution=1)
    halves = np.asarray(brain.dataobj).astype(np.int32)
    halves[99:] *= 12175
    save_volume(folder / "halves.nii.gz", halves, brain.affine)
    (folder / "halves.tsv").write_text("index\tname\n12175\tright\n1\tleft\n")
    # a simulated patient's lesions, on the T1w
    configs = configured(folder, halves={"image": "halves.nii.gz"}, drawn={"image": "lesion_mask"})
    planned = jobs(folder, configs=configs)
    snakemake(folder, configs=configs)
    return folder, planned


def test_without_an_atlas_there_is_no_job_and_no_table(smoke):
    assert not [path.name for path in (smoke / "results/evaluation").rglob("*own_regions*")]
    assert "Regions of your own" not in (smoke / "results/report.html").read_text()


def test_an_atlas_runs_its_own_jobs_and_nothing_before_them(finished):
    _, planned = finished
    # 8 scans and 2 of the external site; the drawn lesions of 4 and 1 patients
    assert planned["label_own_regions"] == 10 + 5
    assert planned["score_own_regions"] == 10
    reported = {"write_config", "write_provenance", "write_methods_text", "write_report", "all"}
    assert set(planned) <= LABELS | SCORES | reported


def test_every_scan_region_and_method_has_its_row(finished):
    folder, _ = finished
    table = read_table(folder / "results/evaluation/own_regions.tsv", numeric=True)
    halves = table[table["atlas"] == "halves"]
    assert set(halves["region"]) == {"left", "right"}
    assert len(halves) == 8 * 2 * halves["method"].nunique()
    assert (halves["coverage"] > 0.8).all()
    assert set(table[table["atlas"] == "drawn"]["group"]) == {"MS"}
    external = read_table(folder / "results/evaluation/external/own_regions.tsv")
    assert set(external["scan"]) == {"sub-MSB01", "sub-HCB01"}
    assert "Regions of your own" in (folder / "results/report.html").read_text()


@pytest.mark.skipif(not VALIDATOR, reason="bids-validator-deno is not installed; .ci/run installs it")
def test_the_label_maps_are_valid_derivatives(finished, tmp_path):
    found = issues(finished[0] / "results/derivatives", tmp_path)
    assert not [issue for issue in found if issue[0] == "error"]


def test_a_typo_is_one_sentence(finished):
    folder, _ = finished
    done = snakemake(folder, "-n", configs=configured(folder, a={"image": "lesion_maks"}), check=False)
    said = done.stdout + done.stderr  # Snakemake writes the output of a dry run to stdout
    assert "nor a column of the cohort's table: did you mean lesion_mask?" in said
    assert "Traceback" not in said
