"""The simulated dataset and the derivatives of a run pass the BIDS validator."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# next to this Python, or anywhere
VALIDATOR = shutil.which("bids-validator-deno", path=Path(sys.executable).parent) or shutil.which(
    "bids-validator-deno"
)
# facts that a run cannot know (scanners of a simulation, authors), and a fourth axis that is not time
KNOWN_WARNINGS = {
    *("SIDECAR_KEY_RECOMMENDED", "JSON_KEY_RECOMMENDED", "TOO_FEW_AUTHORS", "NO_AUTHORS", "NIFTI_UNIT"),
    "TSV_ADDITIONAL_COLUMNS_UNDEFINED",
}


def issues(folder, tmp_path):
    """What the validator finds in a dataset: set of (severity, code, key)."""
    report = tmp_path / "report.json"
    subprocess.run([VALIDATOR, folder, "--format", "json", "--outfile", report], check=False, timeout=600)
    found = json.loads(report.read_text())
    assert found["summary"]["subjects"]  # it saw a dataset
    return {
        (issue["severity"], issue["code"], issue.get("subCode") or issue.get("location"))
        for issue in found["issues"]["issues"]
    }


@pytest.mark.skipif(not VALIDATOR, reason="bids-validator-deno is not installed; .ci/run installs it")
@pytest.mark.parametrize("dataset", ["derivatives", "simulated"])
def test_a_dataset_of_the_run_is_valid(smoke, dataset, tmp_path):
    found = issues(smoke / "results" / dataset, tmp_path)
    assert not [issue for issue in found if issue[0] == "error"]
    assert {code for _, code, _ in found} <= KNOWN_WARNINGS


@pytest.mark.skipif(not VALIDATOR, reason="bids-validator-deno is not installed; .ci/run installs it")
def test_a_fault_is_seen(smoke, tmp_path):
    copy = tmp_path / "derivatives"
    shutil.copytree(smoke / "results/derivatives", copy)
    (copy / ".bidsignore").write_text("")
    assert [issue for issue in issues(copy, tmp_path) if issue[0] == "error"]
