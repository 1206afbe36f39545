"""How the tests run the workflow: as a user would, in a folder of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SMOKE = ROOT / "configs/smoke.yaml"


def snakemake(
    folder,
    *arguments,
    configs=(SMOKE,),
    check=True,
    project=ROOT,
    snakefile="Snakefile",
    python=sys.executable,
    variables=None,
    **options,
):
    """Run the workflow, or a study of its results, in ``folder`` as a user would; its result with output as text."""
    command = [
        str(python),
        *("-m", "snakemake", "--snakefile", str(project / snakefile)),
        # --configfile takes every word up to the next option, so it must not come before the targets
        *(["--configfile", *map(str, configs)] if configs else []),
        *("--workflow-profile", str(project / "profiles/default"), "--cores", "2"),
        *arguments,
    ]
    environment = {**os.environ, "PYTHONPATH": "", "COLUMNS": "300", **(variables or {})}
    done = subprocess.run(
        command, cwd=folder, env=environment, text=True, capture_output=True, check=False, **options
    )
    if check and done.returncode:
        raise AssertionError(f"snakemake {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr[-8000:]}")
    return done


def jobs(folder, *arguments, **options):
    """Names of the rules that a dry run would execute, with the number of their jobs."""
    done = snakemake(folder, "--dry-run", "--quiet=reason", *arguments, **options)
    counts = {}
    for line in (done.stdout + done.stderr).splitlines():
        words = line.split()
        if line.startswith(("rule ", "localrule ", "checkpoint ")):
            name = words[1].rstrip(":")
            counts[name] = counts.get(name, 0) + 1
    return counts
