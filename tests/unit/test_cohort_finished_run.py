"""A finished run is read from its results only, and missing files are named."""

import pandas as pd
import pytest

from myelosketch.calibration.inputs import measured_files
from myelosketch.cohort.finished_run import check_present, read_run
from myelosketch.errors import InputError
from myelosketch.io.provenance import write_json
from myelosketch.io.tables import write_table


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Results of a run with two patients, a control and a patient of an external site."""
    monkeypatch.chdir(tmp_path)
    people = {"MS01": ("MS", 1), "MS02": ("MS", 2), "HC01": ("HC", 2), "MSB01": ("MS", 0)}
    cohort = [
        {
            "scan": f"sub-{subject}",
            "subject": subject,
            "group": group,
            "T1w": f"{subject}.nii.gz",
            "FA": "fa.nii.gz" if subject == "MS01" else None,
            **dict.fromkeys(("RD", "AD", "MTR", "DVR", "FLAIR")),
            "lesion_mask": "mask.nii.gz" if group == "MS" else None,
        }
        for subject, (group, _) in people.items()
    ]
    folds = [{"subject": subject, "group": group, "fold": fold} for subject, (group, fold) in people.items()]
    write_table(pd.DataFrame(cohort), "results/cohort/cohort.tsv")
    write_table(pd.DataFrame(folds), "results/cohort/folds.tsv")
    write_json("results/cohort/config.json", {"seed": 7, "maps": {"dvr_model": "srtm"}})
    return "results"


def test_a_run_tells_its_configuration_scans_and_folds(results):
    run = read_run(results)
    assert run.config == {"seed": 7, "maps": {"dvr_model": "srtm"}}
    assert run.cohort.rows["sub-HC01"]["lesion_mask"] is None
    assert run.cohort.internal == ["sub-MS01", "sub-MS02", "sub-HC01"]
    assert run.cohort.patients == ["sub-MS01", "sub-MS02"]
    assert run.cohort.cross_validation == [1, 2]
    assert run.cohort.held_out("2") == ["sub-MS02", "sub-HC01"]
    # models for scans of an external site are trained on all internal scans
    assert (run.cohort.train_scans("2"), run.cohort.train_scans(0)) == (["sub-MS01"], run.cohort.internal)


def test_what_the_run_lacks_is_named(results, tmp_path):
    (tmp_path / "results/cohort/folds.tsv").unlink()
    with pytest.raises(
        InputError,
        match=r"^results/cohort/folds\.tsv of the run that this study reads cannot be found: "
        r"finish the run first \(snakemake --cores all\)\.$",
    ):
        read_run(results)
    with pytest.raises(InputError, match=r"^a and 1 more file of the run .* cannot be found: start it\.$"):
        check_present(["a", "b", "a", "results/cohort/cohort.tsv"], finish="start it")


def test_calibration_measures_given_maps_and_those_that_the_run_derived(results):
    run = read_run(results)
    patient, control = (measured_files(run, scan) for scan in ("sub-MS01", "sub-HC01"))
    assert patient["FA"] == "fa.nii.gz"
    assert patient["DVR"].endswith("sub-MS01_trc-PIB_model-SRTM_meas-DVR_mimap.nii.gz")
    assert control["FA"] == "results/derivatives/sub-HC01/dwi/sub-HC01_model-tensor_param-fa_dwimap.nii.gz"
    assert set(patient) - set(control) == {"lesion_mask", "truth_lesions", "truth_lesion_table"}
    assert "FLAIR" not in patient
