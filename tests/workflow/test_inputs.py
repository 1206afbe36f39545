"""A user's own table instead of the simulation, and the messages when something is wrong with it."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from workflow_run import SMOKE, jobs, snakemake

from myelosketch.cohort.table import FILE_COLUMNS
from myelosketch.imaging.registration.transforms import save_matrix, world_matrix
from myelosketch.io import names
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table, write_table
from myelosketch.io.volumes import load_volume, save_volume


@pytest.fixture
def dataset(smoke, tmp_path):
    """The simulated images as a user's files: (folder to run in, table, config)."""
    table = read_table(smoke / "results/cohort/cohort.tsv").drop(columns=["scan", "session"])
    for name in FILE_COLUMNS:
        table[name] = [f"images/{Path(path).name}" if isinstance(path, str) else None for path in table[name]]
    (tmp_path / "images").mkdir()
    for path in (smoke / "results/simulated").rglob("*.nii.gz"):
        if "truth" not in path.parts:
            shutil.copy(path, tmp_path / "images")
    write_table(table, tmp_path / "cohort.tsv")
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({"cohort": {"source": "table", "table": "cohort.tsv", "external_sites": ["B"]}})
    )
    return tmp_path


def run(folder, *arguments, check=True):
    return snakemake(folder, *arguments, configs=(SMOKE, folder / "mine.yaml"), check=check)


def refusal(folder, *arguments):
    """The message of the workflow, which must stop without a traceback."""
    done = run(folder, *arguments, check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "Traceback" not in said
    return said


def edit(folder, function):
    table = read_table(folder / "cohort.tsv")
    write_table(function(table), folder / "cohort.tsv")


@pytest.mark.slow
def test_a_users_table_goes_the_same_way(smoke, dataset):
    some = ("MS01", "MS04", "HC02", "HC03")  # what two folds need
    edit(dataset, lambda table: table[table.subject.isin(some)].assign(doctor="JaneDoe1970"))
    edit(dataset, lambda table: with_transforms(table, "HC03", smoke, dataset))
    (dataset / "mine.yaml").write_text("cohort: {source: table, table: cohort.tsv}\n")
    run(dataset, "regions", "registration")
    for key in ("fa", "mtr", "dvr", "regions"):
        for scan in (f"sub-{subject}" for subject in some):
            ours, theirs = (
                load_volume(names.path(f"{root}/results", key, scan=scan)) for root in (dataset, smoke)
            )
            if scan == "sub-HC03":  # whose transforms are given
                np.testing.assert_allclose(ours.data, theirs.data, atol=1e-4)
            else:
                np.testing.assert_array_equal(ours.data, theirs.data)
    table = read_table(dataset / "results/registration/qc.tsv").set_index(["scan", "modality"])
    assert table.given.dropna().to_dict() == {
        ("sub-HC03", "pet"): "pet.mat",
        ("sub-HC03", "dwi"): "sub-HC03_from-dwi_to-T1w_mode-image_xfm.mat",
        ("sub-HC03", "MTR"): "sub-HC03_from-MTR_to-T1w_mode-image_xfm.txt",
    }
    assert set(table.verdict) == {"ok"}
    # a further column changes nothing, and stays in the cohort's tables
    files = [path for path in (dataset / "results").rglob("*") if path.is_file()]
    holding = {path.name for path in files if b"JaneDoe1970" in path.read_bytes()}
    assert holding <= {"cohort.tsv", "cohort.json"}


def with_transforms(table, subject, finished, folder):
    """A table with the transforms that a finished run found."""
    keys = {"xfm_dwi": "xfm_dwi_to_t1w", "xfm_MTR": "xfm_mtr_to_t1w", "xfm_pet": "xfm_t1w_to_petref"}
    found = {
        column: names.path(finished / "results", key, scan=f"sub-{subject}") for column, key in keys.items()
    }
    save_matrix(folder / "images/pet.mat", np.linalg.inv(world_matrix([found["xfm_pet"]])))
    found |= {"xfm_MTR": found["xfm_MTR"].replace(".mat", ".txt"), "xfm_pet": "images/pet.mat"}
    return table.assign(
        **{column: table.subject.map({subject: path}) for column, path in found.items()},
    )


def test_the_names_of_the_labels_of_a_segmentation_are_an_input(tmp_path):
    """Files whose content no plan reads; a later edit of the TSV or the JSON prepares the scan again."""
    columns = ("T1w", "lesion_mask", "segmentation", "FA", "RD", "AD", "MTR", "DVR")
    rows = [
        {"subject": f"{number:02d}", "group": "MS" if number % 2 else "HC"}
        | {column: f"{number:02d}_{column}.nii.gz" for column in columns}
        for number in range(6)
    ]
    write_table(pd.DataFrame(rows), tmp_path / "cohort.tsv")
    beside = ("00_segmentation.tsv", "00_segmentation.json")
    for name in (*beside, *(row[column] for row in rows for column in columns)):
        (tmp_path / name).write_text("x")
    (tmp_path / "mine.yaml").write_text("cohort: {source: table, table: cohort.tsv}\n")
    brain = names.path("results", "brain", scan="sub-00")
    planned = run(tmp_path, brain, "--dry-run", "--quiet=reason")
    job = (planned.stdout + planned.stderr).partition("rule prepare_anatomy:")[2].partition("output:")[0]
    assert all(name in job for name in beside)


def test_no_truth_is_needed_without_simulation(dataset):
    planned = jobs(dataset, configs=(SMOKE, dataset / "mine.yaml"))
    assert "simulate_participant" not in planned
    assert "measure_registration" not in planned
    assert planned["register_scan"] == 10


def test_an_incomplete_scan_is_left_out_and_the_rest_runs(dataset):
    extra = {
        "subject": "HC09",
        "group": "HC",
        **{name: f"images/none_{name}.nii.gz" for name in FILE_COLUMNS},
    }
    edit(
        dataset,
        lambda table: pd.concat([table, pd.DataFrame([extra])]).assign(age="41", sex=["F", *"M" * 10]),
    )
    done = run(dataset, "results/cohort/excluded.tsv")
    assert "Left out: sub-HC09 (file does not exist: T1w" in done.stdout + done.stderr
    excluded = read_table(dataset / "results/cohort/excluded.tsv")
    assert excluded.scan.tolist() == ["sub-HC09"]
    cohort = read_table(dataset / "results/cohort/cohort.tsv")
    assert "sub-HC09" not in cohort.scan.tolist()
    assert cohort.sex.tolist() == ["F", *"M" * 9]
    assert read_json(dataset / "results/cohort/cohort.json") == {
        "site": {"Type": "category", "Missing": 0, "Levels": {"A": 8, "B": 2}},
        "age": {"Type": "number", "Missing": 0, "Range": [41.0, 41.0]},
        "sex": {"Type": "category", "Missing": 0, "Levels": {"F": 1, "M": 9}},
    }


def test_a_typo_in_the_configuration(dataset):
    (dataset / "mine.yaml").write_text("trainning: {}\nfolds: {n: two}\n")
    said = refusal(dataset, "-n")
    assert "The configuration has 2 problems:" in said
    assert "trainning: unknown key; did you mean training?" in said
    assert "folds.n: found 'two' (text), expected a whole number" in said


def test_a_bad_file_stops_its_scan_before_anything_expensive(dataset):
    path = dataset / "images/sub-MS02_model-tensor_param-rd_dwimap.nii.gz"
    volume = load_volume(path)
    volume.data[5, 5, 5] = np.nan
    save_volume(path, volume.data, volume.affine)
    said = refusal(dataset, "cohort", prepared("sub-MS02"))
    assert (
        said.count("Error: The intake found problems that must be resolved") == 2
    )  # of the scan itself, and of all
    assert f"  - sub-MS02: RD (images/{path.name}) " in said
    assert "has 1 voxel that is NaN or infinite" in said
    assert "this line in the configuration: cohort: {exclude: [sub-MS02]}." in said
    assert not (dataset / "results/derivatives").exists()
    page = (dataset / "results/cohort/intake.html").read_text()
    assert page.index('id="sub-MS02"') < page.index('id="sub-HC01"')


def prepared(scan):
    """The first file of a scan that is slow to compute."""
    return names.path("results", "t1w", scan=scan)


@pytest.mark.slow
def test_the_others_go_on_without_a_refused_scan_and_the_line_that_is_said_settles_it(dataset):
    path = dataset / "images/sub-MS02_model-tensor_param-rd_dwimap.nii.gz"
    good = path.read_bytes()
    path.write_bytes(good[:2000])
    wanted = ("cohort", prepared("sub-HC01"))
    said = refusal(dataset, *wanted, prepared("sub-MS02"))
    assert "sub-MS02: RD" in said
    assert (dataset / prepared("sub-HC01")).is_file()
    config = yaml.safe_load((dataset / "mine.yaml").read_text())
    config["cohort"]["exclude"] = ["sub-MS02"]
    (dataset / "mine.yaml").write_text(yaml.safe_dump(config))
    assert "prepare_anatomy" not in jobs(dataset, *wanted, configs=(SMOKE, dataset / "mine.yaml"))
    run(dataset, *wanted)
    cohort = dataset / "results/cohort"
    assert "sub-MS02" not in read_table(cohort / "admitted.tsv").scan.tolist()
    assert read_table(cohort / "excluded.tsv").scan.tolist() == ["sub-MS02"]
    del config["cohort"]["exclude"]
    (dataset / "mine.yaml").write_text(yaml.safe_dump(config))
    path.write_bytes(good)  # a corrected file
    run(dataset, "cohort")
    assert "sub-MS02" in read_table(cohort / "admitted.tsv").scan.tolist()


@pytest.mark.slow
def test_a_suspicion_needs_an_entry(dataset):
    mask = dataset / "images/sub-MS03_label-lesion_mask.nii.gz"
    t1w = load_volume(dataset / "images/sub-MS03_T1w.nii.gz")
    inside = t1w.data > 0
    part = inside & (np.cumsum(inside).reshape(inside.shape) <= 0.3 * inside.sum())
    save_volume(mask, part.astype(np.uint8), t1w.affine)
    for _ in range(2):
        said = refusal(dataset, "cohort")
        assert "sub-MS03: lesion_mask (images/" in said
        assert "To accept: cohort: {accept: {sub-MS03: [lesion_volume]}}" in said
    config = yaml.safe_load((dataset / "mine.yaml").read_text())
    config["cohort"]["accept"] = {"sub-MS03": ["lesion_volume"]}
    (dataset / "mine.yaml").write_text(yaml.safe_dump(config))
    run(dataset, "cohort")
    admitted = read_table(dataset / "results/cohort/admitted.tsv").set_index("scan")
    assert admitted.accepted["sub-MS03"] == "lesion_volume"
