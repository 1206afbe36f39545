"""From which scans and models a file of the results was made, by what Snakemake recorded of every job."""

import base64
import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from myelosketch.errors import InputError


@dataclass(eq=False)
class Job:
    """One finished job: ``rule``, ``log`` and ``inputs`` (paths), ``started`` and ``ended`` (seconds since 1970)."""

    rule: str
    log: str
    inputs: tuple
    started: float
    ended: float


def read_jobs(folder):
    """The job that made each file, from Snakemake's own records (``.snakemake/metadata``).

    Parameters
    ----------
    folder : str or Path
        One JSON file per output, named by the output's path in URL-safe base64; a long name goes on in folders,
        whose names begin with @.

    Returns
    -------
    dict : path of an output, as the rules name it, to Job; empty where Snakemake keeps no such records

    Raises
    ------
    InputError : a record that cannot be read
    """
    folder, jobs, found = Path(folder), {}, {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = "".join(part.removeprefix("@") for part in path.relative_to(folder).parts)
        try:
            output = base64.urlsafe_b64decode(name).decode()
            record = json.loads(path.read_text(encoding="utf-8"))
            job = Job(
                record["rule"],
                record["log"][0],
                tuple(record["input"]),
                record["starttime"],
                record["endtime"],
            )
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(
                f"{path} is no record of a job as Snakemake writes it ({error!r}): run the workflow again with "
                "--forcerun on what it belongs to, or delete it."
            ) from error
        # one object for all outputs of a job, each of which has its own times
        jobs[output] = same = found.setdefault((job.rule, job.log, job.inputs), job)
        same.started, same.ended = min(same.started, job.started), max(same.ended, job.ended)
    return jobs


class Trace:
    """Follows files back to the scans and models they were made from.

    Parameters
    ----------
    jobs : dict, as :func:`read_jobs` gives it
    scan_of : dict, path of each of the cohort's files to its scans (list)
    models : paths of all weights
    gates : paths of files that let a run go on and say nothing of what comes after; not followed further
    """

    def __init__(self, jobs, *, scan_of, models, gates):
        self.jobs, self.scan_of = jobs, scan_of
        self.models, self.gates = set(models), set(gates)

    def made_from(self, job):
        """Files of data (not of code) that a job read, sorted."""
        return sorted(name for name in set(job.inputs) if name in self.jobs or name in self.scan_of)

    def jobs_behind(self, paths):
        """All jobs that files were made by, directly or not."""
        found, waiting = set(), deque(paths)
        while waiting:
            job = self.jobs.get(waiting.popleft())
            if job and job not in found:
                found.add(job)
                waiting.extend(job.inputs)
        return sorted(found, key=lambda job: (job.started, job.log))

    def origins(self, path):
        """Scans and models behind a file.

        Returns
        -------
        tuple : scans (sorted list), paths of weights (sorted list)
        """
        scans, models, seen, waiting = set(), set(), set(), deque([path])
        while waiting:
            name = waiting.popleft()
            if name in self.scan_of:
                scans.update(self.scan_of[name])
            if name in self.models and name != path:
                models.add(name)
            job = self.jobs.get(name)
            if job and job not in seen and (name not in self.gates or name == path):
                seen.add(job)
                waiting.extend(job.inputs)
        return sorted(scans), sorted(models)
