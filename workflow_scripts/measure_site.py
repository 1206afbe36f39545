"""Entry of the rule measure_site."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.harmonisation import write_site_statistics

    write_site_statistics(dict(snakemake.input.items()), snakemake.output[0], site=snakemake.params.name)
