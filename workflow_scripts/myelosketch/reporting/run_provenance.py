"""Provenance of a run: configuration, versions, hashes of what went in, and of every result what it was made from."""

import datetime
import json
import os
from pathlib import Path

import yaml

from myelosketch.errors import InputError
from myelosketch.provenance import file_hash, read_json, write_json, write_text
from myelosketch.reporting.report import git_commit, software
from myelosketch.reporting.ro_crate import crate
from myelosketch.reporting.trace import Trace, read_jobs

# a larger file is known by its size and time: reading a dataset of raw series again would take longer than its tables
LARGEST_HASHED = 100_000_000
NOT_RECORDED = "Snakemake kept no record of its jobs in {records}: scans and models are unknown."


def write_provenance(
    outputs, *, root, workflow, config, command, cohort_files, results, weights, gates, records
):
    """Write ``provenance.json``, the RO-Crate around the results folder, and the copy of the workflow in it.

    Parameters
    ----------
    outputs : dict of paths to write: ``provenance`` (JSON), ``crate`` (ro-crate-metadata.json in ``root``),
        ``config`` (YAML) and ``workflow`` (list, the copies of ``workflow``, in the same order)
    root : results folder
    workflow : the Snakefile first, then the files of its rules
    config : dict, the configuration in force
    command : the command that started this run
    cohort_files : dict, scan to the paths of its files
    results : paths of figures, tables and pages
    weights : paths of all models' weights, each with its card (model.json) beside it
    gates : paths of files that let a run go on and hold nothing that is used afterwards
    records : folder of Snakemake's records of its jobs

    Raises
    ------
    InputError : weights that are not those of their card, or records that cannot be read
    """
    for source, copy in zip(workflow, outputs["workflow"], strict=True):
        write_text(copy, Path(source).read_text(encoding="utf-8"))
    plain = json.loads(json.dumps(config))
    write_text(outputs["config"], yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    jobs = read_jobs(records)
    scan_of = {}
    for scan, paths in cohort_files.items():
        for path in paths:
            scan_of.setdefault(path, []).append(scan)
    trace = Trace(jobs, scan_of=scan_of, models=weights, gates=gates)
    behind = trace.jobs_behind([*results, *weights])
    found = {
        "workflow": _workflow(command),
        "run": _times(behind, results),
        "config": plain,
        "software": software(),
        "hashed_up_to_bytes": LARGEST_HASHED,
        "inputs": {
            scan: {path: file_facts(path) for path in paths} for scan, paths in sorted(cohort_files.items())
        },
        "models": {path: _model(path, trace) for path in sorted(weights)},
        "results": {path: _result(path, trace) for path in sorted(results)},
        "jobs": {job.log: _job(job, trace) for job in behind},
    }
    if not jobs:
        found["note"] = NOT_RECORDED.format(records=records)
    write_json(outputs["provenance"], found)
    kept = [outputs["provenance"], outputs["config"], *outputs["workflow"]]
    write_json(
        outputs["crate"],
        crate(found, root=root, main=outputs["workflow"][0], kept={path: file_facts(path) for path in kept}),
    )


def file_facts(path):
    """Size of a file and its SHA-256, or, for one above LARGEST_HASHED, when it was last changed (UTC).

    Returns
    -------
    dict : bytes (int), and sha256 or modified (str)
    """
    status = Path(path).stat()
    if status.st_size > LARGEST_HASHED:
        return {"bytes": status.st_size, "modified": _time(status.st_mtime)}
    return {"bytes": status.st_size, "sha256": file_hash(path)}


def _workflow(command):
    return {"name": "myelosketch", "commit": git_commit(), "command": command}


def _times(jobs, results):
    """How many jobs are behind the results, when the first began (None if not recorded) and the last ended."""
    return {
        "jobs": len(jobs),
        "started": _time(min(job.started for job in jobs)) if jobs else None,
        "ended": _time(max((job.ended for job in jobs), default=max(map(os.path.getmtime, results)))),
    }


def _job(job, trace):
    return {
        "rule": job.rule,
        "started": _time(job.started),
        "ended": _time(job.ended),
        "made_from": trace.made_from(job),
    }


def _result(path, trace):
    """Facts of a file, its job (a key of ``jobs``), and the scans and models behind it."""
    scans, models = trace.origins(path)
    job = trace.jobs.get(path)
    return file_facts(path) | {"job": job.log if job else None, "scans": scans, "models": models}


def _model(path, trace):
    """Facts of a model's weights, with what its card says of fold, seed, data and settings."""
    card = read_json(Path(path).with_name("model.json"))
    facts = _result(path, trace)
    if facts.get("sha256", card["weights_sha256"]) != card["weights_sha256"]:
        raise InputError(
            f"{path} has SHA-256 {facts['sha256'][:12]}, its card {card['weights_sha256'][:12]}: one of them was "
            "replaced; delete both, and the model is trained anew."
        )
    said = ("method", "fold", "seed", "weights_sha256", "data_sha256", "config_sha256", "commit")
    return facts | {key: card[key] for key in said if key in card}


def _time(seconds):
    """Seconds since 1970 as ISO 8601 in UTC, to the second."""
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).isoformat()
