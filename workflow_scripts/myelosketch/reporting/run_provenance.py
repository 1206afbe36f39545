"""Provenance of a run: settings, versions of the software, seed and commit."""

import contextlib
import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from myelosketch.io.provenance import software_versions, write_json
from myelosketch.modules import hash_of_all


def write_provenance(
    path: str | Path, *, config: Mapping[str, Any], run: Mapping[str, Any] | None = None
) -> None:
    """Write the provenance of a run, for the report and for a repetition of the run.

    Parameters
    ----------
    path : JSON to write: ``seed``, ``commit`` (None outside a repository), ``software`` (name to version),
        ``library`` (hash of all its modules), ``config_sha256`` and ``config``; in a redone copy also
        ``redone_with``, the commit and software of the copy
    config : dict, the configuration in force
    run : dict, the provenance of the original run if its results are redone in a copy (reporting.archive), or None;
        its commit and software stay, because they made the maps and models
    """
    here = {"commit": git_commit(), "software": software()}
    write_json(
        path,
        {
            "seed": config["seed"],
            "commit": run["commit"] if run else here["commit"],
            "software": run["software"] if run else here["software"],
            "library": run.get("library") if run else hash_of_all(),
            "config_sha256": config_hash(config),
            "config": config,
            **({"redone_with": here} if run else {}),
        },
    )


def config_hash(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a configuration, which does not depend on the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def git_commit(folder: str | Path | None = None) -> str | None:
    """Return the commit of the workflow's repository and whether files differ from it; None outside a repository."""
    folder = Path(folder or Path(__file__).parent)
    command = [
        "git",
        "-C",
        str(folder),
        "describe",
        "--always",
        "--dirty=, with uncommitted changes",
        "--abbrev=40",
    ]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def software() -> dict[str, str]:
    """Return the versions of Python, Snakemake and the packages that can change a number."""
    found = {"python": platform.python_version()}
    with contextlib.suppress(PackageNotFoundError):  # the environment of these rules may lack it
        found["snakemake"] = version("snakemake")
    return found | software_versions()
