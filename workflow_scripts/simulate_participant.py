"""Entry of the rule simulate_participant."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.simulation.participant import simulate_participant

    root = Path(snakemake.output.T1w).parents[2]  # root/sub-01/anat/file
    simulate_participant(
        root,
        snakemake.wildcards.subject,
        snakemake.params.group,
        snakemake.params.settings,
        snakemake.params.seed,
    )
