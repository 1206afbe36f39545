"""New scans of a trained model: which files they need, and which they do not."""

import pandas as pd
import pytest
import yaml
from bids_tree import make_dataset
from test_cohort_plan import CONFIG
from workflow_run import ROOT

from myelosketch.cohort.bids import read_bids
from myelosketch.cohort.plan import plan_cohort
from myelosketch.cohort.table import COLUMNS, read_cohort
from myelosketch.errors import InputError
from myelosketch.io.run_files import bundle_path

MRI = ("T1w", "FA", "RD", "AD", "MTR")


def images(folder, *columns):
    for name in columns:
        (folder / f"{name}.nii.gz").touch()
    return {name: f"{name}.nii.gz" for name in columns}


def planned(folder, rows, said=None, **sections):
    """The cohort of a table of rows, planned with a model."""
    pd.DataFrame(rows).to_csv(folder / "cohort.tsv", sep="\t", index=False)
    cohort = CONFIG["cohort"] | {"source": "table", "table": str(folder / "cohort.tsv")}
    config = CONFIG | {"cohort": cohort, "prediction": CONFIG["prediction"] | {"model": "model.zip"}}
    for name, section in sections.items():
        config = config | {name: config[name] | section}
    warn = (said if said is not None else []).append
    return plan_cohort(config, simulated=[], external_sites=[], warn=warn)


def test_mri_alone_is_enough(tmp_path):
    cohort = planned(tmp_path, [{"subject": "01", **images(tmp_path, *MRI)}])
    assert (cohort.scans, cohort.without_pet, cohort.external) == (["sub-01"], ["sub-01"], ["sub-01"])
    assert (cohort.measured_external, cohort.internal, cohort.cross_validation) == ([], [], [])
    assert cohort.group == {"sub-01": None}
    assert cohort.fold == {"sub-01": 0}


def test_a_scan_with_pet_is_scored_and_needs_no_group_either(tmp_path):
    rows = [
        {"subject": "01", **images(tmp_path, *MRI), "DVR": None},
        {"subject": "02", **images(tmp_path, *MRI, "DVR")},
    ]
    cohort = planned(tmp_path, rows)
    assert (cohort.without_pet, cohort.measured_external) == (["sub-01"], ["sub-02"])


def test_a_missing_map_leaves_the_scan_out_and_says_so(tmp_path):
    rows = [
        {"subject": "01", **images(tmp_path, *MRI)},
        {"subject": "02", **images(tmp_path, *MRI), "MTR": None},
    ]
    said = []
    cohort = planned(tmp_path, rows, said)
    assert cohort.scans == ["sub-01"]
    assert said == ["Left out: sub-02 (no MTR in the table)"]


def test_a_value_that_spoils_a_further_column_is_said_of_the_scans_of_the_run(tmp_path):
    ages = {"01": "41", "02": "50", "03": "35y", "04": "50 y"}
    rows = [{"subject": subject, "age": age, **images(tmp_path, *MRI)} for subject, age in ages.items()]
    rows[3]["MTR"] = None
    said = []
    assert planned(tmp_path, rows, said).included.age.tolist() == ["41", "50", "35y"]
    assert said == [
        "Left out: sub-04 (no MTR in the table)",
        "The column age of the cohort table is treated as a category, because '35y' of sub-03 is not a number: "
        "correct "
        "it, or write n/a for what is missing.",
    ]


def test_no_scan_left_is_an_error(tmp_path):
    with pytest.raises(InputError) as caught:
        planned(tmp_path, [{"subject": "01", **images(tmp_path, *MRI), "MTR": None}])
    assert str(caught.value) == (
        "No scan can be predicted (sub-01: no MTR in the table): give the maps or raw images of at least one scan."
    )


def test_lesions_are_found_on_flair_only_where_that_is_asked_for(tmp_path):
    rows = [{"subject": "01", **images(tmp_path, *MRI, "FLAIR")}]
    assert planned(tmp_path, rows).on_flair == set()
    assert planned(tmp_path, rows, lesions={"without_mask": "flair"}).on_flair == {"sub-01"}
    controls = [{"subject": "01", "group": "HC", **images(tmp_path, *MRI, "FLAIR")}]
    assert planned(tmp_path, controls, lesions={"without_mask": "flair"}).on_flair == set()
    drawn = [{"subject": "01", "lesion_space": "FLAIR", **images(tmp_path, *MRI, "FLAIR", "lesion_mask")}]
    assert planned(tmp_path, drawn).on_flair == {"sub-01"}


def test_a_training_still_needs_groups_masks_and_pet(tmp_path):
    pd.DataFrame([{"subject": "01", **images(tmp_path, *MRI)}]).to_csv(
        tmp_path / "t.tsv", sep="\t", index=False
    )
    with pytest.raises(InputError) as caught:
        read_cohort(tmp_path / "t.tsv")
    missing = ("group", "lesion_mask", "DVR")
    assert [line for line in str(caught.value).splitlines()[1:]] == [
        f"  - column '{name}' is missing" for name in missing
    ]
    assert list(read_cohort(tmp_path / "t.tsv", predicts=True).columns) == ["scan", *COLUMNS]


def test_a_bids_dataset_needs_no_participants_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_dataset()
    settings = yaml.safe_load((ROOT / "config.yaml").read_text())["cohort"]["bids"] | {"dataset": "data"}
    found = sorted(tmp_path.glob("*/participants.tsv"))
    assert found, "the dataset of the tests has a participants table"
    settings["dataset"] = found[0].parent.name
    derivatives = [
        str(path.relative_to(tmp_path)) for path in found[0].parent.glob("derivatives/*") if path.is_dir()
    ]
    settings["derivatives"] = derivatives
    found[0].unlink()
    with pytest.raises(InputError, match="participants.tsv does not exist"):
        read_bids(settings)
    table = read_bids(settings, predicts=True).table
    assert len(table)
    assert table["group"].isna().all()
    named = settings | {"participants": "absent.tsv"}
    with pytest.raises(InputError, match="absent.tsv does not exist"):
        read_bids(named, predicts=True)


def test_the_model_is_a_file_or_the_results_of_its_run(tmp_path):
    (tmp_path / "results").mkdir()
    with pytest.raises(InputError) as caught:
        bundle_path(tmp_path / "results")
    assert str(caught.value) == (
        f"prediction.model is {tmp_path}/results, but {tmp_path}/results/model.zip does not exist: correct the path, "
        "or run snakemake bundle where the model was trained."
    )
    (tmp_path / "results/model.zip").touch()
    assert bundle_path(tmp_path / "results") == bundle_path(tmp_path / "results/model.zip")
