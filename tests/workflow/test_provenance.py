"""What a real run says of itself: provenance back to the images and the crate around it."""

import pytest
import yaml
from crate_checks import check_crate
from workflow_run import SMOKE, jobs

from myelosketch.provenance import file_hash, read_json
from myelosketch.tables import read_table


@pytest.fixture(scope="module")
def provenance(smoke):
    return read_json(smoke / "results/provenance.json")


def test_every_file_named_is_there_and_is_what_it_says(smoke, provenance):
    files = {path: facts for part in provenance["inputs"].values() for path, facts in part.items()}
    for path, facts in (files | provenance["results"] | provenance["models"]).items():
        assert file_hash(smoke / path) == facts["sha256"]


def test_every_figure_table_and_page_has_its_provenance(smoke, provenance):
    root = smoke / "results"
    made = [
        *root.glob("figures/*"),
        *root.glob("evaluation/*.tsv"),
        *root.glob("patients/*"),
        *root.glob("tables/*"),
    ]
    assert {str(path.relative_to(smoke)) for path in made} <= set(provenance["results"])
    assert set(provenance["models"]) == {
        str(path.relative_to(smoke)) for path in root.glob("training/*/*/model.safetensors")
    }


def test_every_result_leads_back_to_scans(provenance):
    """But the list of who is in, which is decided before any image is opened."""
    decided = {f"results/cohort/{name}.tsv" for name in ("cohort", "excluded", "folds")}
    without = {path for path, facts in provenance["results"].items() if not facts["scans"]}
    assert without == decided
    steps = provenance["jobs"]
    assert all(facts["job"] in steps for facts in provenance["results"].values())


def test_no_model_comes_from_a_scan_that_its_fold_holds_out(smoke, provenance):
    """Seen from the files that Snakemake recorded, not from what the cards say."""
    folds = read_table(smoke / "results/cohort/folds.tsv").set_index("subject").fold
    for facts in provenance["models"].values():
        assert facts["scans"]
        held_out = {f"sub-{subject}" for subject, fold in folds.items() if fold in (str(facts["fold"]), "0")}
        assert not held_out & set(facts["scans"])


def test_the_crate_of_a_real_run_is_whole(smoke):
    crate = read_json(smoke / "results/ro-crate-metadata.json")
    graph = check_crate(crate, smoke / "results")
    assert "figures/fig3_qualitative.png" in graph
    assert "report.html" in graph
    assert graph["#run"]["description"].startswith("snakemake --snakefile")


def test_the_configuration_in_force_is_kept(smoke, provenance):
    kept = yaml.safe_load((smoke / "results/workflow/config.yaml").read_text())
    assert kept == provenance["config"]
    smoke_config = yaml.safe_load(SMOKE.read_text())
    assert kept["training"]["crop"] == smoke_config["training"]["crop"]


def test_a_changed_setting_of_the_report_alone_writes_it_again_and_computes_nothing(smoke):
    planned = jobs(smoke, "--config", "reporting={'agreement_colours': 'colourblind'}")
    assert "write_provenance" in planned
    assert not [name for name in planned if name.startswith(("train_", "register_", "score_", "predict_"))]
