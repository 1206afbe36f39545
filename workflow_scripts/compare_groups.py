"""Entry of the rule compare_groups."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.contrasts import write_contrasts

    write_contrasts(dict(snakemake.input.items()), snakemake.output[0], **snakemake.params.settings)
