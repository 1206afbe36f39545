"""A fault of Snakemake mended: jobs that wait for a job which runs again are asked for their own reasons too."""

from collections import deque
from functools import partial, wraps

from snakemake.dag import DAG


def check_behind_ancient_inputs():
    """Let Snakemake look at the jobs behind ``ancient`` inputs of a job that runs again.

    Snakemake (9.27; https://github.com/snakemake/snakemake/issues/4166) takes it that every job downstream of one
    that runs will run too, and does not ask it for reasons of its own: changed parameters, inputs, code. A job whose
    inputs on that way are ``ancient`` does not run too, so its own reasons were seen by the next start only
    (docs/decisions/0008). Called once, when the workflow is read.
    """
    original = DAG.update_needrun
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    async def update_needrun(dag, *arguments, **options):
        dag.bfs = partial(_without_ancient, dag)  # here alone it finds the jobs that will run too
        try:
            return await original(dag, *arguments, **options)
        finally:
            del dag.bfs

    DAG.update_needrun = update_needrun


def _without_ancient(dag, direction, *jobs, stop=lambda job: False):
    """``DAG.bfs`` that follows no edge whose files are all ancient."""
    queue, visited = deque(jobs), set(jobs)
    while queue:
        job = queue.popleft()
        if stop(job):
            continue
        yield job
        for neighbour, files in direction[job].items():
            if neighbour not in visited and not all(file.is_ancient for file in files):
                visited.add(neighbour)
                queue.append(neighbour)
