"""Entry of the rule write_cohort."""

from myelosketch.job import job

with job(snakemake):
    import pandas as pd

    from myelosketch.cohort.columns import describe_columns
    from myelosketch.io.provenance import write_json
    from myelosketch.io.tables import write_table

    columns = {"excluded": ["scan", "group", "reason"], "folds": ["subject", "group", "fold"], "cohort": None}
    tables = {name: pd.DataFrame(snakemake.params[name], columns=order) for name, order in columns.items()}
    for name, table in tables.items():
        write_table(table, snakemake.output[name])
    write_json(snakemake.output.columns, describe_columns(tables["cohort"]))
