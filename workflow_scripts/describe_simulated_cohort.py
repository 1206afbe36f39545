"""Entry of the rule describe_simulated_cohort."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.simulation.cohort import describe_cohort

    root = Path(snakemake.output.description).parent
    describe_cohort(
        root,
        snakemake.params.n_patients,
        snakemake.params.n_controls,
        snakemake.params.settings,
        snakemake.params.seed,
    )
