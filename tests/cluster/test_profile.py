"""The Slurm profile, tested without a Slurm: it names every rule, and makes few submissions of many jobs."""

import re

import pytest
import yte
from cluster_run import PROFILE
from workflow_run import ROOT, snakemake

# they stop a run on purpose, run once, or run only when a user names them
ALONE = {
    *("admit_scans", "admit_registrations", "write_report", "write_cohort", "write_config", "write_found"),
    *(
        "describe_simulated_cohort",
        "describe_derivatives",
        "write_provenance",
        "write_methods_text",
        "check_model",
        "open_archive",
        "publish_pretrained",
    ),
}
# default targets of the studies, which are no jobs
TARGETS = {"ablations", "calibration", "ladder", "pretraining"}
# named targets of the workflow
TARGETS |= {"training", "predictions", "evaluation", "bundle", "figures", "predict", "standard_space"}
TARGETS |= {"simulated_cohort", "cohort", "cohort_table", "registration", "regions"}
TRAININGS = {"train_network", "train_ablation", "train_recalibration"}


@pytest.fixture(scope="module")
def profile():
    with PROFILE.open(encoding="utf-8") as file:
        return yte.process_yaml(file, require_use_yte=True)


@pytest.fixture(scope="module")
def rules():
    files = [*(ROOT / "rules").glob("*.smk"), *(ROOT / "studies").glob("*/Snakefile")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    found = re.findall(r"^rule (\w+):|^use rule \w+ as (\w+) with:", text, re.MULTILINE)
    return {first or second for first, second in found} - TARGETS


def test_every_rule_has_its_parcel_or_stays_alone_on_purpose(profile, rules):
    assert set(profile["groups"]) | ALONE | TRAININGS == rules
    assert not set(profile["groups"]) & (ALONE | TRAININGS)
    assert set(profile["group-components"]) == set(profile["groups"].values())


def test_what_grows_names_rules_that_are_there(profile, rules):
    assert set(profile["set-resources"]) <= rules
    assert set(profile["set-resources"]) >= TRAININGS
    for asked in profile["set-resources"].values():
        assert asked["mem_mb"].endswith("* attempt")
        assert asked["runtime"].endswith("* attempt")


def test_an_account_is_sent_only_where_a_site_has_set_one(tmp_path):
    text = PROFILE.read_text(encoding="utf-8")
    for account, asked in (("none", None), ("chair7", "chair7")):
        own = yte.process_yaml(text.replace("account: none", f"account: {account}"), require_use_yte=True)
        assert own["default-resources"].get("slurm_account") == asked


def submissions(folder, configs):
    """Submissions of a whole run, by name of the parcel or rule."""
    done = snakemake(
        folder, "--dry-run", "--workflow-profile", str(PROFILE.parent), "--quiet", "reason", configs=configs
    )
    names = re.findall(r"\] Group job (\w+)|^rule (\w+):", done.stdout + done.stderr, re.MULTILINE)
    return [parcel or rule for parcel, rule in names if rule != "all"]


def test_a_scan_of_the_default_cohort_costs_less_than_three_submissions(tmp_path):
    sent = submissions(tmp_path, configs=(ROOT / "config.yaml",))
    scans = 28
    of_scans = [name for name in sent if name in ("simulated", "inspected", "prepared", "labelled", "scored")]
    assert of_scans.count("prepared") == scans
    assert len(of_scans) <= 1.5 * scans
    assert len(sent) <= 3 * scans
