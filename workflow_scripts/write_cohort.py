"""Entry of the rule write_cohort."""

from myelosketch.job import job

with job(snakemake):
    import pandas as pd

    from myelosketch.io.tables import write_table

    columns = {"excluded": ["scan", "group", "reason"], "folds": ["subject", "group", "fold"], "cohort": None}
    for name, order in columns.items():
        write_table(pd.DataFrame(snakemake.params[name], columns=order), snakemake.output[name])
