"""Files that a record names and that were deleted: the job that wrote them runs again."""

from functools import wraps

from snakemake.dag import DAG
from snakemake.logging import logger

from myelosketch.cohort.parts import files_gone


def make_gone_files_again(records):
    """Let Snakemake run a job again whose record names a file that is no longer there, as with ``--forcerun``.

    Snakemake looks at a job's outputs, and of a part of the scans that is its record alone (rules/parts.smk). Called
    once, when the workflow is read.

    Parameters
    ----------
    records : paths
    """
    gone = {record: files for record in records if (files := files_gone(record))}
    for files in gone.values():
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        logger.warning(f"Made again, because it was deleted: {files[0]}{more}")
    original = getattr(DAG.init, "__wrapped__", DAG.init)

    @wraps(original)
    async def init(dag, *arguments, **options):
        dag.forcefiles.update(gone)
        return await original(dag, *arguments, **options)

    DAG.init = init
