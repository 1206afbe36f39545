"""A fault of Snakemake mended: its scheduler looks at the waiting jobs no more often than it means to."""

import threading
from functools import wraps

from snakemake.scheduling.job_scheduler import JobScheduler


def look_once_a_second():
    """Let Snakemake's scheduler wait for one later look at the waiting jobs at a time.

    Snakemake (9.27; https://github.com/snakemake/snakemake/issues/200) looks at them when a job ends and, for its
    limit of jobs per second, again a second later; each look begins the next. So every job that ends begins a series
    of looks that never stops, and after a hundred jobs Snakemake takes the jobs' time. Called once, when the workflow
    is read.
    """
    original = getattr(JobScheduler, "_schedule_reevalutation", None)  # sic
    if original is None or hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def schedule(scheduler, delay):
        if getattr(scheduler, "look_is_due", False):
            return
        scheduler.look_is_due = True

        def look():
            scheduler.look_is_due = False
            scheduler._open_jobs.release()

        timer = threading.Timer(delay, look)
        timer.daemon = True  # a run that is over does not wait for it
        timer.start()

    JobScheduler._schedule_reevalutation = schedule
