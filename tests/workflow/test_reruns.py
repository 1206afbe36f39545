"""Jobs that run again after a change, from dry runs of a finished run: only those that the change affects."""

import shutil

import pandas as pd
import pytest
import yaml
from workflow_run import ROOT, SMOKE, jobs, snakemake

from myelosketch.io.tables import read_table, write_table

IMAGING = {"prepare_anatomy", "register_scan", "label_scan"}
LEARNING = {"fit_template", "fit_baseline", "fit_recalibration", "fit_threshold", "train_network"}


def planned(folder, tmp_path, **settings):
    """Rules and numbers of jobs of a dry run with other settings."""
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(settings))
    return jobs(folder, configs=(SMOKE, path))


def some(found, names):
    """The numbers of jobs of some rules."""
    return {name: found.get(name, 0) for name in names}


def test_one_scan_more_runs_its_own_jobs_and_what_learns_from_it(smoke, tmp_path):
    """The folds are kept. It is held out by fold 1, whose models do not change; those of fold 2 and those of all
    internal scans, for the external site, learn from it."""
    folds = read_table(smoke / "results/cohort/folds.tsv").query("fold != '0'")
    more = pd.DataFrame([{"subject": "HC05", "group": "HC", "fold": "1"}])
    write_table(pd.concat([folds, more]), tmp_path / "folds.tsv")
    kept = {"folds": {"file": str(tmp_path / "folds.tsv")}}
    assert not {"pack_fold", *IMAGING, *LEARNING} & set(planned(smoke, tmp_path, **kept))
    found = planned(smoke, tmp_path, simulation={"n_controls": 5}, **kept)
    once = ("inspect_scan", "pack_fold", *IMAGING)
    assert some(found, once) == dict.fromkeys(once, 1)
    several = {"fit_baseline": 8, "train_network": 4}  # four methods and two networks of each of two folds
    assert some(found, LEARNING) == dict.fromkeys(LEARNING, 2) | several


def test_one_changed_image_runs_its_scan_and_what_learns_from_it(smoke, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(smoke, copy, symlinks=True)
    folds = read_table(copy / "results/cohort/folds.tsv")
    scan = f"sub-{folds.subject[folds.fold == '1'].iloc[0]}"
    image = next((copy / "results/simulated").glob(f"**/{scan}_*MTRmap.nii.gz"))
    image.write_bytes(image.read_bytes()[:2000])
    found = jobs(copy, "--rerun-triggers", "mtime")
    assert some(found, {"inspect_scan", "pack_fold", *IMAGING}) == dict.fromkeys(
        ("inspect_scan", "pack_fold", *IMAGING), 1
    )
    assert found["train_network"] == 4


def test_a_corrected_site_prepares_and_trains_nothing_again(smoke, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(smoke, copy, symlinks=True)
    table = read_table(copy / "results/cohort/cohort.tsv").drop(columns="scan")
    write_table(table, copy / "cohort.tsv")
    settings = {"cohort": {"source": "table", "table": "cohort.tsv", "external_sites": ["B"]}}
    (copy / "mine.yaml").write_text(yaml.safe_dump(settings))
    configs = (SMOKE, copy / "mine.yaml")
    snakemake(copy, "--touch", configs=configs)  # the same files as a user's own
    write_table(table.assign(site=table.site.replace("A", "C")), copy / "cohort.tsv")
    found = set(jobs(copy, configs=configs))
    assert "write_cohort" in found
    assert not found & {"inspect_scan", "pack_fold", *IMAGING, *LEARNING}


def test_one_scan_excluded_registers_nothing(smoke, tmp_path):
    found = planned(smoke, tmp_path, cohort={"exclude": ["sub-HC01"]})
    assert not {"inspect_scan", *IMAGING} & set(found)
    assert found["train_network"] >= 4


@pytest.mark.parametrize(
    ("settings", "runs", "never"),
    [
        (
            {"registration": {"quality": {"repeat_mm": 2.6}}},
            {"gather_quality", "admit_registrations"},
            LEARNING | IMAGING,
        ),
        ({"registration": {"pet_fwhm_mm": 3.0}}, {"register_scan"}, {"prepare_anatomy"}),
        # all lesions are drawn
        ({"lesions": {"flair": {"seed_sd": 4.0}}}, {"write_config"}, {"inspect_scan"} | IMAGING | LEARNING),
        ({"evaluation": {"k": 1.5}}, {"score_scan", "gather_scores"}, {*LEARNING, *IMAGING, "predict_scan"}),
        (
            {"reporting": {"agreement_colours": "colourblind"}},
            {"draw_figure", "write_provenance", "write_report"},
            {"gather_scores", "write_latex_tables", *LEARNING, *IMAGING},
        ),
    ],
    ids=["limit", "smoothing", "flair", "k", "colour"],
)
def test_a_setting_runs_what_it_concerns(smoke, tmp_path, settings, runs, never):
    found = set(planned(smoke, tmp_path, **settings))
    assert runs <= found
    assert not found & never


def test_a_changed_docstring_runs_nothing_and_a_changed_line_what_uses_it(smoke, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(".*", "results"), symlinks=True)
    module = project / "workflow_scripts/myelosketch/evaluation/agreement.py"
    text = module.read_text()
    before = jobs(smoke, project=project)  # templates are in another folder, so pages are written again
    module.write_text(text.replace('"""', '"""Changed. ', 1) + "\n# a comment\n")
    assert jobs(smoke, project=project) == before
    assert "score_scan" not in before
    module.write_text(text + "\nMORE = 1\n")
    found = set(jobs(smoke, project=project))
    assert "score_scan" in found
    assert not found & {"train_network", *IMAGING}
