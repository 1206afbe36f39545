"""What a run tells a person of its progress, from what Snakemake says of its jobs: text, no output."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from .stages import OTHER, STAGE_OF, STAGES, Stage, usual_name

# of running jobs of one stage, by name
SHOWN = 3
# no estimate from less than this: seconds of the run, and finished jobs
GROUND_S, GROUND_JOBS = 30, 5
HOW = (
    "Time left is the mean time of this run's finished steps of each kind, times the steps of that kind to come, "
    'divided by how many ran side by side so far; "at least" while a kind with several steps has not run yet.'
)


@dataclass(frozen=True)
class Job:
    """A job that runs: its rule, what it treats, and when it started (seconds of the run)."""

    rule: str
    what: str
    start: float


def duration(seconds: float) -> str:
    """A time as a person says it.

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
    """What a job treats: the scan where it has one, else its other wildcards, else the rule in words."""
    if "scan" in wildcards:
        return str(wildcards["scan"])
    named = [f"fold {value}" if key == "fold" else str(value) for key, value in wildcards.items()]
    return " ".join(named) or rule.replace("_", " ")


def units(count: int, stage: Stage) -> str:
    """A number of units of a stage, in words."""
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
        """What there is to do."""
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
        """Note a job that starts; a repeated one is no longer counted as failed."""
        self.failed.pop(job, None)
        rule = usual_name(rule)
        self.running[job] = Job(rule, what_of(rule, wildcards), seconds)

    def finish(self, job: int, seconds: float, rule: str = "") -> str:
        """Note a job that finished; the line of its stage if it was the last one, else blank.

        The rule is needed where nobody said that the job had started, as Slurm's executor does not.
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
        """Note a job that failed; its line."""
        ended = self.running.pop(job, None)
        if ended is None:
            return ""
        self.failed[job] = ended
        stage = STAGE_OF.get(ended.rule, OTHER)
        where = f"; its log: {log}" if log else ""
        return f"{duration(seconds)}: {stage.name} failed for {ended.what} ({ended.rule}){where}"

    def line(self, seconds: float) -> str:
        """Time so far, stages at work, steps done of all, and time left where there is ground for an estimate."""
        stages = [words for stage in STAGES if (words := self._stage(stage))]
        steps = f"{self.done.total()} of {self.planned.total()} steps"
        failed = f"{len(self.failed)} failed" if self.failed else ""
        ends = ", ".join(filter(None, (steps, failed, self.left(seconds))))
        return f"{duration(seconds)}: " + "; ".join(filter(None, (", ".join(stages), ends)))

    def left(self, seconds: float) -> str:
        """An estimate of the time left (HOW says how); blank without ground, after a failure, or on a cluster."""
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
        if minutes < 1:  # of what was seen; no bound worth a word where the long part is to come
            return "" if unseen else "about a minute left"
        amount = f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
        return f"{'at least' if unseen else 'about'} {amount} left"

    def _of(self, counts: Mapping[str, int], stage: Stage) -> int:
        return sum(counts.get(rule, 0) for rule in stage.counted)

    def _stage(self, stage: Stage) -> str:
        """A stage at work: how many of how many, and what runs now; blank before and after."""
        names = [job.what for job in self.running.values() if STAGE_OF.get(job.rule, OTHER) is stage]
        done, total = self._of(self.done, stage), self._of(self.planned, stage)
        if not names and (done == 0 or done == total):
            return ""
        now = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        state = "queued or running" if self.queued else "now"
        count = f" {done} of {units(total, stage)}" if total else ""
        return f"{stage.name}{count}" + (f" ({state}: {now})" if names else "")
