"""Entry of the rule describe_simulated_cohort."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    import pandas as pd

    from myelosketch.simulation.cohort import describe_cohort

    root = Path(snakemake.output.description).parent
    people = pd.DataFrame(snakemake.params.people, columns=["subject", "group", "site"])
    describe_cohort(root, people, snakemake.params.settings, snakemake.params.seed)
