"""A fault of Snakemake mended: why a submission of several jobs failed is said, as it is for a single job."""

from functools import wraps

from snakemake.jobs import GroupJob
from snakemake.logging import logger


def say_why_groups_fail():
    """Let Snakemake print what the executor reports of a failed group of jobs.

    Snakemake (9.27) hands the executor's message, such as Slurm's refusal of a partition or the status OUT_OF_MEMORY,
    to ``GroupJob.log_error``, which leaves it out. Called once, when the workflow is read.
    """
    original = GroupJob.log_error
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def log_error(group, msg=None, **details):
        original(group, msg=msg, **details)
        if msg:
            logger.error(f"Group {group.groupid}: {msg}")

    GroupJob.log_error = log_error
