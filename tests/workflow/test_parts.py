"""Scans that share a job give what each would give alone; what a record names and was deleted is made again."""

import shutil

import yaml
from workflow_run import SMOKE, jobs, snakemake

from myelosketch import names
from myelosketch.provenance import file_hash
from myelosketch.tables import read_table


def changed(folder, **settings):
    """Configuration files of the tiny cohort with other settings on top."""
    path = folder / "changed.yaml"
    path.write_text(yaml.safe_dump(settings))
    return SMOKE, path


def test_registered_together_as_alone(smoke, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(smoke, copy, symlinks=True)
    configs = changed(tmp_path, scans_per_job={"registration": 5, "others": 100})
    assert jobs(copy, "registration", configs=configs)["register_scans"] == 2
    record = "results/registration/parts/1.tsv"
    snakemake(copy, record, configs=configs)
    made = read_table(copy / record)
    assert made.scan.nunique() > 1
    for name in made.file:
        if name.endswith((".mat", ".nii.gz")):
            assert (copy / name).stat().st_mtime > (smoke / name).stat().st_mtime + 1
            assert file_hash(copy / name) == file_hash(smoke / name), name


def test_a_deleted_map_is_made_again_and_nothing_is_trained(smoke, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(smoke, copy, symlinks=True)
    predicted = copy / names.path("results", "predicted", scan="sub-MS01", method="refiner")
    whole = file_hash(predicted)
    predicted.unlink()
    planned = jobs(copy)
    assert planned["predict_scans"] == 1
    assert not [name for name in planned if name.startswith(("train_", "register_", "label_"))]
    done = snakemake(copy)
    said = done.stdout + done.stderr
    assert f"Made again, because it was deleted: {predicted.relative_to(copy)}" in said
    assert file_hash(predicted) == whole
    done = snakemake(copy)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_deleted_image_of_the_registration_is_made_again(smoke, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(smoke, copy, symlinks=True)
    (copy / names.path("results", "t1w", scan="sub-HC01")).unlink()
    planned = jobs(copy, "registration")
    assert (planned["prepare_anatomy"], planned["register_scans"]) == (1, 1)
