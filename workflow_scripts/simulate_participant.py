"""Entry of the rules simulate_participant and simulate_control."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.simulation.participant import simulate_participant

    simulate_participant(
        snakemake.params.root,
        snakemake.wildcards.subject,
        snakemake.params.group,
        snakemake.params.settings,
        snakemake.params.seed,
    )
