"""Text on the progress of a run, computed from Snakemake's messages about its jobs. This module prints nothing."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from .stages import OTHER, STAGE_OF, STAGES, Stage, usual_name

# number of running jobs of one stage that are named
SHOWN = 3
# least data for an estimate: seconds of the run, and finished jobs
GROUND_S, GROUND_JOBS = 30, 5
HOW = (
    "The time left is estimated from the mean time of each kind of step in this run, the number of steps to do, and "
    'the mean number of steps that ran in parallel so far. "At least" means that one kind of step has not run yet.'
)


@dataclass(frozen=True)
class Job:
    """A running job: its rule, what it processes, and when it started (seconds of the run)."""

    rule: str
    what: str
    start: float


def duration(seconds: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> duration(42), duration(130), duration(9000)
    ('42 s', '2 min 10 s', '2 h 30 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def what_of(rule: str, wildcards: Mapping[str, str]) -> str:
    """Return what a job processes: its scan if it has one, else its other wildcards, else the rule in words."""
    if "scan" in wildcards:
        return str(wildcards["scan"])
    named = [f"fold {value}" if key == "fold" else str(value) for key, value in wildcards.items()]
    return " ".join(named) or rule.replace("_", " ")


def units(count: int, stage: Stage) -> str:
    """Return a number of units of a stage, in words."""
    return f"{count} {stage.unit if count != 1 else stage.unit.removesuffix('s')}"


class Progress:
    """The state of a run.

    Parameters
    ----------
    planned : jobs to run of each rule
    queued : whether a started job may still wait in the queue of a cluster
    """

    def __init__(self, planned: Mapping[str, int], *, queued: bool = False) -> None:
        self.planned: Counter[str] = Counter()
        for rule, count in planned.items():
            if rule != "total":
                self.planned[usual_name(rule)] += count
        self.queued = queued
        self.running: dict[int, Job] = {}
        self.failed: dict[int, Job] = {}
        self.done: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def opening(self) -> str:
        """Return the opening line: what there is to do."""
        parts = [
            f"{stage.name} ({units(count, stage)})"
            for stage in STAGES
            if (count := self._of(self.planned, stage))
        ]
        steps = self.planned.total()
        parts.append(f"{steps} step in all" if steps == 1 else f"{steps} steps in all")
        first = f"To do: {', '.join(parts[:-1])}{'; ' * (len(parts) > 1)}{parts[-1]}."
        return f"{first}\n{HOW}" if steps > GROUND_JOBS and not self.queued else first

    def start(self, job: int, rule: str, wildcards: Mapping[str, str], seconds: float) -> None:
        """Record that a job starts. A repeated job no longer counts as failed."""
        self.failed.pop(job, None)
        rule = usual_name(rule)
        self.running[job] = Job(rule, what_of(rule, wildcards), seconds)

    def finish(self, job: int, seconds: float, rule: str = "") -> str:
        """Record that a job finished. Return the line of its stage if it was the last one, else blank.

        The rule is needed for jobs whose start was not reported: Slurm's executor does not report it.
        """
        ended = self.running.pop(job, Job(usual_name(rule), "", seconds))
        self.done[ended.rule] += 1
        self._seconds[ended.rule] += seconds - ended.start
        stage = STAGE_OF.get(ended.rule, OTHER)
        total = self._of(self.planned, stage)
        if ended.rule not in stage.counted or self._of(self.done, stage) < total:
            return ""
        return f"{duration(seconds)}: {stage.name} done, {units(total, stage)}"

    def fail(self, job: int, log: str, seconds: float) -> str:
        """Record that a job failed and return its line."""
        ended = self.running.pop(job, None)
        if ended is None:
            return ""
        self.failed[job] = ended
        stage = STAGE_OF.get(ended.rule, OTHER)
        where = f"; its log: {log}" if log else ""
        return f"{duration(seconds)}: {stage.name} failed for {ended.what} ({ended.rule}){where}"

    def line(self, seconds: float) -> str:
        """Return the time so far, the running stages, the steps done and, if it can be estimated, the time left."""
        stages = [words for stage in STAGES if (words := self._stage(stage))]
        steps = f"{self.done.total()} of {self.planned.total()} steps"
        failed = f"{len(self.failed)} failed" if self.failed else ""
        ends = ", ".join(filter(None, (steps, failed, self.left(seconds))))
        return f"{duration(seconds)}: " + "; ".join(filter(None, (", ".join(stages), ends)))

    def left(self, seconds: float) -> str:
        """Return an estimate of the time left (see HOW). It is blank after a failure, on a cluster or too early."""
        if self.failed or self.queued or seconds < GROUND_S or self.done.total() < GROUND_JOBS:
            return ""
        mean = {rule: self._seconds[rule] / count for rule, count in self.done.items()}
        to_come = self.planned - self.done
        unseen = any(count > 1 for rule, count in to_come.items() if rule not in mean)
        begun = {job: seconds - job.start for job in self.running.values()}
        work = sum(count * mean[rule] for rule, count in to_come.items() if rule in mean)
        work -= sum(min(spent, mean[job.rule]) for job, spent in begun.items() if job.rule in mean)
        side_by_side = (sum(self._seconds.values()) + sum(begun.values())) / seconds
        minutes = work / max(side_by_side, 1e-3) / 60
        if minutes < 1:  # a bound below a minute is useless while a kind of step has not run yet
            return "" if unseen else "about a minute left"
        amount = f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
        return f"{'at least' if unseen else 'about'} {amount} left"

    def _of(self, counts: Mapping[str, int], stage: Stage) -> int:
        return sum(counts.get(rule, 0) for rule in stage.counted)

    def _stage(self, stage: Stage) -> str:
        """Return the state of a running stage: units done and current jobs; blank before and after it."""
        names = [job.what for job in self.running.values() if STAGE_OF.get(job.rule, OTHER) is stage]
        done, total = self._of(self.done, stage), self._of(self.planned, stage)
        if not names and (done == 0 or done == total):
            return ""
        now = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        state = "queued or running" if self.queued else "now"
        count = f" {done} of {units(total, stage)}" if total else ""
        return f"{stage.name}{count}" + (f" ({state}: {now})" if names else "")
