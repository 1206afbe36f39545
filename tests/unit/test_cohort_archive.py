"""A copy of results without images: its record is read, its settings are kept, messages name what it cannot do."""

from copy import deepcopy

import pandas as pd
import pytest

from myelosketch.cohort.archive import (
    archive_hint,
    archive_sentences,
    changed_settings,
    check_archive,
    not_from_archive,
    plan_or_archive,
    read_archive,
    settings_of_archive,
)
from myelosketch.errors import InputError
from myelosketch.io.provenance import write_json
from myelosketch.io.tables import write_table

RUN = {
    "seed": 7,
    "cohort": {"source": "table", "exclude": []},
    "prediction": {"model": ""},
    "registration": {"accept": {}, "metric": "mattes"},
    "training": {"methods": ["template", "refiner"], "flips": True},
    "evaluation": {"k": 1.0, "reference_fwhm_mm": 10.0, "atlases": {}},
    "reporting": {"archive": False, "method": "refiner", "agreement_colours": "paper"},
    "pathvars": {"results": "results"},
}


def changed(**sections):
    """The configuration of the run with some settings changed, in a copy."""
    config = deepcopy(RUN)
    for section, settings in sections.items():
        config[section] = config[section] | settings if isinstance(settings, dict) else settings
    config["reporting"]["archive"] = True
    return config


@pytest.fixture
def results(tmp_path, monkeypatch):
    """The record of a run of one patient, whose images are not there."""
    monkeypatch.chdir(tmp_path)
    row = {
        "scan": "sub-01",
        "subject": "01",
        "group": "MS",
        "T1w": "data/t1.nii.gz",
        "DVR": "data/dvr.nii.gz",
    }
    write_table(pd.DataFrame([row]), "results/cohort/cohort.tsv")
    write_table(pd.DataFrame([{"subject": "01", "group": "MS", "fold": 1}]), "results/cohort/folds.tsv")
    write_json("results/cohort/config.json", RUN)
    return "results"


def test_the_cohort_is_the_one_that_the_run_records(results):
    run = read_archive(results)
    assert (run.cohort.patients, run.cohort.fold, run.cohort.without_pet) == (["sub-01"], {"sub-01": 1}, [])
    assert run.config == RUN


def test_a_folder_without_a_record_is_refused(results, tmp_path):
    (tmp_path / "results/cohort/folds.tsv").unlink()
    with pytest.raises(
        InputError,
        match=r"^reporting\.archive is true, but results/cohort/folds\.tsv, in which a run records its cohort, "
        r"cannot be found: copy the whole results folder of the finished run, or remove the line\.$",
    ):
        read_archive(results)


def test_predictions_of_new_scans_are_no_archive(results):
    write_json("results/cohort/config.json", RUN | {"prediction": {"model": "model.zip"}})
    with pytest.raises(
        InputError, match=r"^reporting\.archive is true, but results holds predictions of new scans "
    ):
        read_archive(results)


def test_settings_of_evaluation_and_reporting_count_and_others_are_the_run_s():
    config = changed(
        seed=8,
        registration={"accept": {"all": ["pet"]}, "metric": "cc"},
        training={"flips": False},
        evaluation={"k": 1.5, "reference_fwhm_mm": 5.0, "atlases": {}},
        reporting={"method": "template"},
        pathvars={"results": "elsewhere"},
    )
    settings = settings_of_archive(config, RUN)
    assert settings == RUN | {
        "evaluation": {"k": 1.5, "reference_fwhm_mm": 10.0, "atlases": {}},
        "reporting": {"archive": True, "method": "template", "agreement_colours": "paper"},
        "pathvars": {"results": "elsewhere"},
    }
    said = archive_sentences(*changed_settings(config, settings, RUN))
    assert said == [
        "Settings that differ from the run's: evaluation.k (run: 1.0; here: 1.5), reporting.method "
        '(run: "refiner"; here: "template").',
        "Settings without effect in a copy without images (reporting.archive: true), which keeps the maps, the "
        "models and the predictions of the run: evaluation.reference_fwhm_mm (run: 10.0; here: 5.0), "
        'registration.accept.all (run: nothing; here: ["pet"]), registration.metric (run: "mattes"; here: "cc"), '
        "seed (run: 7; here: 8), training.flips (run: true; here: false).",
    ]


def test_nothing_is_said_of_a_copy_with_the_settings_of_the_run():
    config = changed()
    assert archive_sentences(*changed_settings(config, settings_of_archive(config, RUN), RUN)) == []


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"reporting": {"method": "unet"}}, "reporting.method is unet"),
        ({"training": {"methods": ["template", "unet"]}}, "training.methods names unet"),
    ],
)
def test_a_method_that_the_run_has_not_trained_is_refused(sections, words):
    with pytest.raises(InputError) as raised:
        settings_of_archive(changed(**sections), RUN)
    assert str(raised.value) == (
        f"{words}, which this run has not trained, and a copy without images (reporting.archive: true) trains "
        "nothing: choose from template, refiner, or run it where the images are."
    )


def test_a_method_that_the_run_itself_did_not_have_stays_as_it_was():
    run = RUN | {"reporting": RUN["reporting"] | {"method": "unet"}}
    config = changed(reporting={"method": "unet"})
    assert settings_of_archive(config, run)["reporting"]["method"] == "unet"


def test_new_scans_need_their_images():
    with pytest.raises(InputError, match=r"^reporting\.archive and prediction\.model exclude each other: "):
        settings_of_archive(changed(prediction={"model": "model.zip"}), RUN)
    assert not_from_archive("training", "training") == (
        "snakemake training needs the trained models, and nothing is trained here (reporting.archive: true)"
        ": run it where the run was made. Redone here are evaluation, figures, change, standard_space, and all "
        "with the report."
    )


def test_files_that_the_copy_lacks_are_named(results):
    check_archive(["results/cohort/cohort.tsv"])
    with pytest.raises(
        InputError,
        match=r"^a\.nii\.gz and 1 more of the run cannot be found, and a copy without images \(reporting\.archive: "
        r"true\) cannot make them: copy the whole results folder of a run that this version of the workflow has "
        r"finished\.$",
    ):
        check_archive(["results/cohort/cohort.tsv", "a.nii.gz", "b.nii.gz", "a.nii.gz"])


def test_a_run_whose_images_are_gone_says_how_to_redo_its_figures(results, tmp_path):
    config = changed(cohort={"table": "data/cohort.tsv", "exclude": []})
    with pytest.raises(InputError) as raised:
        plan_or_archive(config, None, results=results, simulated=[], external_sites=[], warn=print)
    said = str(raised.value).splitlines()
    assert "data/cohort.tsv" in said[0]
    assert said[-1] == (
        "results holds a finished run, whose images are not on this machine. To redo its figures and tables without "
        "them, write the line reporting: {archive: true} into a file archive.yaml, with the settings that you "
        "change, and run: snakemake figures --cores 1 --configfile results/cohort/config.json archive.yaml"
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data/t1.nii.gz").touch()
    assert archive_hint(results) == ""
    assert archive_hint("nowhere") == ""
