"""No model is trained on a wrong registration until its scan is left out or accepted."""

import shutil

import numpy as np
import pytest
import yaml
from workflow_run import SMOKE, snakemake

from myelosketch.io import names
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import load_volume, save_volume

WRONG = "sub-MS02"
# the intake finds half a head suspicious, and the user accepts it
LET_PASS = {"cohort": {"accept": {WRONG: ["head_size"]}}}
# only the images count, not the dates of the tables of the simulated participant
RERUN = ("--rerun-triggers", "mtime", "params", "input")


PACKS = [f"results/training/scans/fold-{fold}.safetensors" for fold in (1, 2)]


def go_on(folder, *, settings=None, **options):
    """Run up to the input of training with the intake's suspicion accepted, and further settings."""
    config = folder / "let_pass.yaml"
    config.write_text(yaml.safe_dump(LET_PASS))
    more = folder / "more.yaml"
    more.write_text(yaml.safe_dump(settings or {}))
    return snakemake(folder, "registration", *PACKS, *RERUN, configs=(SMOKE, config, more), **options)


def test_every_image_of_every_scan_is_judged(smoke):
    table = read_table(smoke / "results/registration/qc.tsv")
    cohort = read_table(smoke / "results/cohort/cohort.tsv")
    assert set(table.scan) == set(cohort.scan)
    assert set(table.modality) == {"pet", "dwi", "MTR", "MNI152"}
    assert set(table.verdict) <= {"ok", "accepted"}
    assert set(read_table(smoke / "results/registration/admitted.tsv").scan) == set(cohort.scan)
    page = (smoke / "results/registration/qc.html").read_text()
    assert all(scan in page for scan in cohort.scan)


@pytest.fixture(scope="module")
def with_half_a_pet(smoke, tmp_path_factory):
    """A finished run in which one PET is then cut to half of it, up to the check of its registration."""
    copy = tmp_path_factory.mktemp("wrong") / "copy"
    shutil.copytree(smoke, copy, symlinks=True)
    pet = copy / f"results/simulated/derivatives/maps/{WRONG}/pet/{WRONG}_trc-PIB_meas-DVR_mimap.nii.gz"
    volume = load_volume(pet)
    half = np.where(np.arange(volume.shape[2]) > volume.shape[2] * 0.55, volume.data, 0)
    save_volume(pet, half, volume.affine)
    return copy, go_on(copy, check=False)


def test_it_is_refused_with_the_line_that_settles_it(with_half_a_pet):
    copy, done = with_half_a_pet
    assert done.returncode
    said = done.stdout + done.stderr
    assert f"The quality control of the registration failed ({WRONG}: pet " in said
    assert (
        f"cohort: {{exclude: [{WRONG}]}}; or accept what is correct with registration: {{accept: {{{WRONG}: ["
        in said
    )
    assert "Traceback" not in said
    assert sum((copy / path).is_file() for path in PACKS) == 1  # its own fold is not packed
    assert WRONG in (copy / "results/registration/qc.html").read_text()


@pytest.mark.slow
def test_it_is_left_out_by_that_line(with_half_a_pet):
    copy, _ = with_half_a_pet
    go_on(copy, settings={"cohort": {"exclude": [WRONG], "accept": {}}})
    assert WRONG not in set(read_table(copy / "results/registration/admitted.tsv").scan)


@pytest.mark.slow
def test_it_is_used_where_it_is_accepted_by_name(with_half_a_pet):
    copy, _ = with_half_a_pet
    go_on(copy, settings={"registration": {"accept": {WRONG: ["pet"]}}})
    table = read_table(copy / "results/registration/admitted.tsv").set_index("scan")
    assert table.verdict[WRONG] == "accepted"
    assert (copy / names.path("results", "regions", scan=WRONG)).is_file()
