"""Provenance of a run: a figure leads back to its scans, hashes are those of the files, the crate is whole."""

import base64
import json
import re
from pathlib import Path

import pytest
import yaml
from crate_checks import check_crate

from myelosketch.errors import InputError
from myelosketch.provenance import file_hash, read_json, write_json, write_text
from myelosketch.reporting import run_provenance
from myelosketch.reporting.trace import Trace, read_jobs

GATE = "results/cohort/admitted.tsv"
COHORT = {
    "sub-01": ["data/1 one/T1w.nii.gz", "data/1/T1w.nii.gz"],
    "sub-02": ["results/simulated/two.nii.gz"],
}
WEIGHTS = "results/training/fold-1/refiner/model.safetensors"
CARD = WEIGHTS.replace(".safetensors", ".json")
FIGURES = ["results/figures/both.png", "results/figures/second.png"]
# output -> rule, inputs
MADE = {
    GATE: ("admit", [*COHORT["sub-01"], *COHORT["sub-02"]]),
    "results/derivatives/a.nii.gz": ("prepare", [GATE, *COHORT["sub-01"], "lib/code.py"]),
    "results/derivatives/b.nii.gz": ("prepare", [GATE, *COHORT["sub-02"], "lib/code.py"]),
    WEIGHTS: ("train", ["results/derivatives/b.nii.gz"]),
    CARD: ("train", ["results/derivatives/b.nii.gz"]),
    "results/evaluation/scores.tsv": ("score", ["results/derivatives/a.nii.gz", WEIGHTS]),
    "results/evaluation/volumes.tsv": ("gather", ["results/derivatives/b.nii.gz"]),
    FIGURES[0]: ("draw", ["results/evaluation/scores.tsv", "lib/code.py"]),
    FIGURES[1]: ("draw", ["results/evaluation/volumes.tsv"]),
}
RESULTS = [path for path in MADE if path.startswith(("results/evaluation", "results/figures"))]


def record(path, rule, inputs, *, log=None, start=1000.0):
    """A record as Snakemake writes it: named by its output in base64, a long name in folders that begin with @."""
    name = base64.urlsafe_b64encode(path.encode()).decode()
    parts = [name[i : i + 40] for i in range(0, len(name), 40)]
    target = Path(".snakemake/metadata", *(f"@{part}" for part in parts[:-1]), parts[-1])
    content = {"rule": rule, "input": inputs, "log": [log or f"logs/{rule}/{Path(path).stem}.log"]}
    write_json(target, content | {"starttime": start, "endtime": start + 60})


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run of two scans in the working folder: files, records, a model with its card."""
    monkeypatch.chdir(tmp_path)
    for path in [path for paths in COHORT.values() for path in paths] + list(MADE):
        write_text(path, f"content of {path}")
    for number, (path, (rule, inputs)) in enumerate(MADE.items()):
        log = "logs/train.log" if rule == "train" else None
        record(path, rule, inputs, log=log, start=1000.0 + 10 * number)
    write_json(CARD, {"method": "refiner", "fold": 1, "seed": 7, "weights_sha256": file_hash(WEIGHTS)})
    write_text("flow/Snakefile", "rule all: pass")
    write_text("flow/a.smk", "")
    return tmp_path


def write(**changes):
    outputs = {
        "provenance": "results/provenance.json",
        "crate": "results/ro-crate-metadata.json",
        "config": "results/workflow/config.yaml",
        "workflow": ["results/workflow/Snakefile", "results/workflow/rules/a.smk"],
    }
    run_provenance.write_provenance(
        outputs,
        **{
            "root": "results",
            "workflow": ["flow/Snakefile", "flow/a.smk"],
            "config": {"seed": 7, "evaluation": {"k": 1.0}},
            "command": "snakemake --cores 2",
            "cohort_files": COHORT,
            "results": RESULTS,
            "weights": [WEIGHTS],
            "gates": [GATE],
            "records": ".snakemake/metadata",
            **changes,
        },
    )
    return read_json(outputs["provenance"]), read_json(outputs["crate"])


def test_a_figure_leads_back_to_its_scans_and_models(run):
    found, _ = write()
    both, second = (found["results"][path] for path in FIGURES)
    assert (both["scans"], both["models"]) == (["sub-01", "sub-02"], [WEIGHTS])
    assert (second["scans"], second["models"]) == (["sub-02"], [])
    assert found["models"][WEIGHTS]["scans"] == ["sub-02"]


def test_a_gate_that_all_scans_pass_joins_none(run):
    """Without knowing the gate every scan would seem to be behind everything."""
    found, _ = write(gates=[])
    assert found["results"][FIGURES[1]]["scans"] == ["sub-01", "sub-02"]
    found, _ = write(results=[*RESULTS, GATE])
    assert found["results"][FIGURES[1]]["scans"] == ["sub-02"]
    assert found["results"][GATE]["scans"] == ["sub-01", "sub-02"]  # it was decided by all


def test_every_step_on_the_way_is_listed_without_the_code(run):
    found, _ = write()
    path, seen = FIGURES[0], []
    log_of = {path: f"logs/{rule}/{Path(path).stem}.log" for path, (rule, _) in MADE.items()}
    assert found["results"][path]["job"] == log_of[path]
    while path in log_of:
        step = found["jobs"][log_of[path]]
        seen.append(step["rule"])
        path = step["made_from"][0]
    assert seen == ["draw", "score", "prepare"]
    assert path in COHORT["sub-01"]
    assert "lib/code.py" not in json.dumps(found["jobs"])


def test_hashes_are_those_of_the_files(run):
    found, _ = write()
    assert set(found["inputs"]) == set(COHORT)
    files = {path: facts for part in found["inputs"].values() for path, facts in part.items()}
    for path, facts in (files | found["results"] | found["models"]).items():
        assert facts["sha256"] == file_hash(path)
        assert facts["bytes"] == Path(path).stat().st_size


def test_a_large_file_is_known_by_size_and_time(run, monkeypatch):
    monkeypatch.setattr(run_provenance, "LARGEST_HASHED", 30)
    large, small = Path("large"), Path("small")
    large.write_bytes(bytes(31))
    small.write_bytes(bytes(30))
    facts = run_provenance.file_facts(large)
    assert set(facts) == {"bytes", "modified"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", facts["modified"])
    assert run_provenance.file_facts(small)["sha256"] == file_hash(small)


def test_the_run_is_described(run):
    found, _ = write()
    assert found["config"] == {"seed": 7, "evaluation": {"k": 1.0}}
    assert yaml.safe_load(Path("results/workflow/config.yaml").read_text()) == found["config"]
    assert Path("results/workflow/Snakefile").read_text() == "rule all: pass"
    assert {"python", "snakemake", "myelosketch", "numpy"} <= set(found["software"])
    assert found["workflow"]["command"] == "snakemake --cores 2"
    # gate, two preparations, one training, two tables, two figures; the first began at 1000 s
    assert found["run"]["jobs"] == 8
    assert found["run"]["started"] == "1970-01-01T00:16:40+00:00"
    assert found["run"]["ended"] == "1970-01-01T00:19:00+00:00"


def test_the_crate_is_whole(run):
    _, crate = write()
    graph = check_crate(crate, run / "results")
    objects = {item["@id"] for item in graph["#run"]["object"]}
    assert objects == {
        "workflow/config.yaml",
        "simulated/two.nii.gz",
        "#sub-01/1/T1w.nii.gz",
        "#sub-01/2/T1w.nii.gz",
    }
    results = {item["@id"] for item in graph["#run"]["result"]}
    assert "figures/both.png" in results
    assert "training/fold-1/refiner/model.safetensors" in results
    assert graph["figures/both.png"]["isBasedOn"] == [{"@id": "evaluation/scores.tsv"}]
    conforms = {item["@id"] for item in graph["./"]["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in conforms


def test_the_crate_does_not_tell_where_a_dataset_lies(run):
    _, crate = write()
    assert "data/1" not in json.dumps(crate)


def test_the_crate_of_a_file_changed_afterwards_is_found_out(run):
    _, crate = write()
    Path(FIGURES[0]).write_text("another")
    with pytest.raises(AssertionError):
        check_crate(crate, run / "results")


def test_the_same_run_gives_the_same_files(run):
    assert write() == write()


def test_a_run_without_records_says_so(run):
    found, crate = write(records="nowhere")
    assert found["note"] == "Snakemake kept no record of its jobs in nowhere: scans and models are unknown."
    assert found["results"][FIGURES[0]]["job"] is None
    assert found["run"]["started"] is None
    check_crate(crate, run / "results")


def test_replaced_weights_end_in_one_sentence(run):
    Path(WEIGHTS).write_text("others")
    with pytest.raises(
        InputError, match=r"model.safetensors has SHA-256 \w{12}, its card \w{12}: one of them was"
    ):
        write()


def test_a_foreign_record_ends_in_one_sentence(run):
    Path(".snakemake/metadata/bm8=").write_text("{}")
    with pytest.raises(InputError, match="is no record of a job as Snakemake writes it"):
        read_jobs(".snakemake/metadata")


def test_outputs_of_one_job_are_one_job(run):
    jobs = read_jobs(".snakemake/metadata")
    assert jobs[WEIGHTS] is jobs[CARD]
    assert set(jobs) == set(MADE)


def test_records_in_a_circle_end(run):
    record("a", "one", ["b"])
    record("b", "two", ["a", *COHORT["sub-02"]])
    jobs = read_jobs(".snakemake/metadata")
    trace = Trace(jobs, scan_of={COHORT["sub-02"][0]: ["sub-02"]}, models=[], gates=[])
    assert trace.origins("a") == (["sub-02"], [])
