"""Entry of the rule compare_groups."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.contrasts import write_contrasts

    files = (dict(snakemake.input.items()), dict(snakemake.output.items()))
    write_contrasts(*files, **snakemake.params.settings)
