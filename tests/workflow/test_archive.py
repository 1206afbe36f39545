"""A copy of results without images, .snakemake or the times of files: what it runs again, and its messages."""

import os
import random
import shutil
import time

import pytest
import yaml
from workflow_run import SMOKE, jobs, snakemake

from myelosketch.io.names import CEILINGS
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table

# k and method affect the steps that run again; flips does not
CHANGED = {"evaluation": {"k": 1.5}, "reporting": {"agreement_colours": "colourblind", "method": "sketcher"}}
TRAINED_OR_MEASURED = {
    "simulate_participant",
    "inspect_scan",
    "prepare_anatomy",
    "register_scan",
    "label_scan",
}
TRAINED_OR_MEASURED |= {"gather_quality", "fit_threshold", "train_network", "predict_scan", "pack_fold"}


def written(path, settings):
    """Path of a configuration with some settings."""
    path.write_text(yaml.safe_dump(settings))
    return path


def copied(smoke, folder, *, keep=("derivatives/truth",)):
    """A folder with only the results, with dates in any order, and some folders of the simulated dataset."""
    results = folder / "results"
    shutil.copytree(smoke / "results", results, copy_function=shutil.copyfile)
    shutil.rmtree(results / "simulated")
    for name in keep:
        shutil.copytree(smoke / "results/simulated" / name, results / "simulated" / name)
    generator = random.Random(7)
    for path in sorted(results.rglob("*")):
        os.utime(path, (time.time() - generator.uniform(60, 6000),) * 2)
    return folder


@pytest.fixture(scope="module")
def archive(smoke, tmp_path_factory):
    """A copy with figures from a second run with other settings, its configuration, and that run's output."""
    folder = copied(smoke, tmp_path_factory.mktemp("archive"))
    settings = CHANGED | {"reporting": CHANGED["reporting"] | {"archive": True}, "training": {"flips": False}}
    configs = (folder / "results/cohort/config.json", written(folder / "archive.yaml", settings))
    planned = jobs(folder, "figures", configs=configs)
    done = snakemake(folder, "figures", configs=configs)
    return folder, configs, planned, done.stdout + done.stderr


def test_nothing_that_needs_images_or_training_is_planned(archive):
    _, _, planned, _ = archive
    assert planned["open_archive"] == 1
    assert planned["score_scan"] == 10
    assert planned["draw_figure"] == 21
    assert not TRAINED_OR_MEASURED & set(planned)


def test_the_figures_are_those_of_the_run_with_these_settings(archive, smoke, tmp_path):
    full = tmp_path / "full"
    shutil.copytree(smoke, full, symlinks=True)
    snakemake(full, "figures", configs=(SMOKE, written(tmp_path / "changed.yaml", CHANGED)))
    redone, before = archive[0] / "results", smoke / "results"
    for name in ("demyelination", "summary", "regions", "lesions", "statistics"):
        table = f"evaluation/{name}.tsv"
        assert (redone / table).read_bytes() == (full / "results" / table).read_bytes()
    lesions = "evaluation/lesions.tsv"
    assert (redone / lesions).read_bytes() != (before / lesions).read_bytes()
    drawn = sorted(path.name for path in (full / "results/figures").glob("*.tsv"))
    assert len(drawn) == 21
    for name in drawn:
        assert (redone / "figures" / name).read_bytes() == (full / "results/figures" / name).read_bytes()
    colours = "figures/fig5b_agreement.png"
    assert (redone / colours).read_bytes() == (full / "results" / colours).read_bytes()
    assert (redone / colours).read_bytes() != (before / colours).read_bytes()
    weights = "training/fold-1/refiner/model.safetensors"
    assert (redone / weights).read_bytes() == (before / weights).read_bytes()


def test_it_says_what_differs_and_what_has_no_effect(archive):
    said = archive[3]
    assert (
        "Settings that differ from the run's: evaluation.k (run: 1.0; here: 1.5), reporting.agreement_colours "
        '(run: "paper"; here: "colourblind"), reporting.method (run: "refiner"; here: "sketcher").'
    ) in said
    assert "predictions of the run: training.flips (run: true; here: false).\n" in said


def test_the_second_time_only_what_a_change_concerns_is_redone(archive, tmp_path):
    folder, configs, *_ = archive
    assert jobs(folder, "figures", configs=configs) == {}
    other = written(tmp_path / "other.yaml", {"reporting": {"agreement_colours": "paper"}})
    assert jobs(folder, "figures", configs=(*configs, other)) == {"draw_figure": 1, "figures": 1}


def test_all_redoes_the_report_and_keeps_what_the_run_was_made_with(archive, smoke):
    folder, configs, *_ = archive
    snakemake(folder, configs=configs)
    run, redone = (read_json(folder / f"results/provenance{end}.json") for end in ("", "_archive"))
    assert run == read_json(smoke / "results/provenance.json")
    assert (redone["commit"], redone["software"]) == (run["commit"], run["software"])
    assert redone["config"]["evaluation"]["k"] == 1.5
    assert redone["config"]["training"]["flips"]
    assert set(redone["redone_with"]) == {"commit", "software"}
    assert "k = 1.5" in (folder / "results/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (("training",), {}, "snakemake training needs the trained models, and nothing is trained here"),
        (("predict",), {}, "snakemake predict needs the images of the cohort, which are not available here"),
        (
            ("figures",),
            {"reporting": {"method": "unet"}},
            "reporting.method is unet, which this run has not trained",
        ),
    ],
)
def test_what_cannot_be_redone_says_so(archive, tmp_path, arguments, settings, sentence):
    folder, configs, *_ = archive
    other = (written(tmp_path / "other.yaml", settings),) if settings else ()
    done = snakemake(folder, *arguments, "--dry-run", configs=(*configs, *other), check=False)
    assert done.returncode
    assert sentence in done.stdout + done.stderr


def test_a_simulated_cohort_without_its_truth_loses_those_rows_and_says_so(smoke, tmp_path):
    folder = copied(smoke, tmp_path, keep=())
    settings = written(tmp_path / "archive.yaml", {"reporting": {"archive": True}})
    configs = (folder / "results/cohort/config.json", settings)
    done = snakemake(folder, "results/evaluation/summary.tsv", configs=configs)
    assert (
        f"results/simulated/derivatives/truth is not in this copy: tables and figures come without the rows "
        f"{', '.join(CEILINGS)} and without the error against visible."
    ) in done.stdout + done.stderr
    methods = set(read_table(folder / "results/evaluation/summary.tsv").method)
    assert methods == set(read_table(smoke / "results/evaluation/summary.tsv").method) - set(CEILINGS)


def test_a_lost_file_of_the_run_is_named(smoke, tmp_path):
    folder = copied(smoke, tmp_path)
    (folder / "results/training/fold-1/threshold.json").unlink()
    settings = written(tmp_path / "archive.yaml", {"reporting": {"archive": True}})
    done = snakemake(
        folder, "--dry-run", configs=(folder / "results/cohort/config.json", settings), check=False
    )
    assert "results/training/fold-1/threshold.json of the run cannot be found" in done.stdout + done.stderr
