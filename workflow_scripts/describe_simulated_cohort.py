"""Entry of the rule describe_simulated_cohort."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.simulation.cohort import describe_cohort

    describe_cohort(
        snakemake.params.root,
        snakemake.params.n_patients,
        snakemake.params.n_controls,
        snakemake.params.settings,
        snakemake.params.seed,
    )
