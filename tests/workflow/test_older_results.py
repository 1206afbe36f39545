"""Results of another version of the workflow: recognised, made again where they differ, and never mixed."""

import shutil

from workflow_run import ROOT, jobs, snakemake


def other_version(folder):
    """A copy of the project whose scores are computed in another way."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "results"), symlinks=True)
    module = folder / "workflow_scripts/myelosketch/evaluation/agreement.py"
    module.write_text(module.read_text() + "\nMORE = 1\n")
    return folder


def said(folder, **options):
    """What a dry run prints."""
    done = snakemake(folder, "--dry-run", check=False, **options)
    return done.returncode, done.stdout + done.stderr


def test_what_another_version_made_otherwise_is_made_again_and_named(smoke, tmp_path):
    project = other_version(tmp_path / "project")
    _, words = said(smoke, project=project)
    assert "Another version of the workflow finished the results in results (myelosketch " in words
    planned = jobs(smoke, project=project)
    assert {"score_scan", "write_provenance", "write_report"} <= set(planned)
    assert not {"train_network", "register_scan"} & set(planned)
    assert "Another version" not in said(smoke)[1]


def test_a_copy_without_the_records_of_snakemake_is_refused_to_another_version_alone(smoke, tmp_path):
    shutil.copytree(smoke / "results", tmp_path / "copy/results", symlinks=True)
    copy = tmp_path / "copy"
    assert jobs(copy) == {}
    status, words = said(copy, project=other_version(tmp_path / "project"))
    assert status
    assert "Traceback" not in words
    assert "has no records of the results in results, and another version of the workflow made them" in words
