"""Snakemake logger plugin: the console shows progress by stage instead of Snakemake's messages on each job.

Snakemake finds the package by its name on Python's path, and the profiles select it if it is there. Warnings, errors
and unknown messages are printed unchanged. A dry run, and a run with ``--quiet host`` or ``--verbose``, keep
Snakemake's own console.
"""

import logging
import re
import sys
import threading
import time
from typing import Any

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from .progress import Progress

# seconds between two lines: at least, as a share of the time so far, at most
FIRST_S, SHARE, LONGEST_S = 15, 0.05, 600
# messages without an event that tell a user nothing
CHATTER = (
    "Select jobs to execute",
    "Building DAG of jobs",
    "Using shell:",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Group jobs: inactive",
    "Assuming unrestricted shared filesystem",
    "Job rate limit reached",
    "SLURM run ID:",
)
# Slurm's executor logs every submission; Snakemake's log file keeps these messages
SUBMITTED = "has been submitted with SLURM jobid"
# the rule in Snakemake's message on a finished job
RULE = re.compile(r"\(Rule: (\w+)\)")
FAILED = (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR)


def is_news(record: logging.LogRecord) -> bool:
    """Return whether a message below the level of a warning is printed unchanged."""
    words = str(record.msg)
    return not (hasattr(record, "event") or words.startswith(CHATTER) or SUBMITTED in words)


class LogHandler(LogHandlerBase):
    """Write progress by stage to the console."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Decide whether this module or Snakemake writes to the console."""
        settings: Any = self.common_settings
        quiet = {choice.name for choice in settings.quiet or ()}
        self._is_ours = "RULES" in quiet and not (settings.dryrun or settings.verbose or settings.debug_dag)
        self._shows_lines = "PROGRESS" not in quiet
        self._start = time.monotonic()
        self._is_sent_away = False
        self._progress: Progress | None = None
        self._has_ended = threading.Event()
        self._snakemake = ColorizingTextHandler(
            nocolor=settings.nocolor,
            stream=sys.stdout if settings.stdout else sys.stderr,
            formatter=DefaultFormatter(settings.quiet, settings.show_failed_logs),
        )
        self._wanted = DefaultFilter(
            settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write what a record means for the user."""
        event = getattr(record, "event", None)
        if self._is_ours:
            try:
                self._follow(record, event)
            except Exception:
                self.handleError(record)
            if record.levelno < logging.WARNING and not is_news(record):
                return
        # a job on this machine prints its own error; the error of a remote job is in its log, which is shown here
        is_distant_failure = self._is_ours and self._is_sent_away and event in FAILED
        if is_distant_failure or self._wanted.filter(record):
            self._snakemake.emit(record)

    def close(self) -> None:
        """Stop the periodic lines."""
        self._has_ended.set()
        super().close()

    def _follow(self, record: Any, event: LogEvent | None) -> None:
        """Record an event and write its line, if it has one."""
        seconds = self._seconds()
        if event == LogEvent.WORKFLOW_STARTED:
            self._write("Planning the run.")
        elif event == LogEvent.RESOURCES_INFO:
            self._is_sent_away = self._is_sent_away or hasattr(record, "nodes")
        elif event == LogEvent.RUN_INFO:
            self._progress = Progress(record.stats, queued=self._is_sent_away)
            self._write(self._progress.opening())
            threading.Thread(target=self._tick, daemon=True).start()
        elif self._progress is None:
            return
        elif event == LogEvent.JOB_INFO:
            self._progress.start(record.jobid, record.rule_name, record.wildcards, seconds)
        elif event == LogEvent.JOB_FINISHED:
            rule = RULE.search(str(record.msg))
            self._write(self._progress.finish(record.job_id, seconds, rule[1] if rule else ""))
        elif event == LogEvent.JOB_ERROR:
            self._write(self._progress.fail(record.jobid, ", ".join(record.log), seconds))

    def _tick(self) -> None:
        """Write a line at intervals that grow with the length of the run."""
        while not self._has_ended.wait(min(max(FIRST_S, SHARE * self._seconds()), LONGEST_S)):
            self.acquire()
            try:
                if self._progress is not None:
                    self._write(self._progress.line(self._seconds()))
            finally:
                self.release()

    def _seconds(self) -> float:
        return time.monotonic() - self._start

    def _write(self, text: str) -> None:
        if text and self._shows_lines:
            print(text, file=self._snakemake.stream, flush=True)
