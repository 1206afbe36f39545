"""Entry of the rule publish_pretrained."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.transfer import publish_pretrained

    publish_pretrained(
        Path(snakemake.input.weights).parent,
        Path(snakemake.output.weights).parent,
        snakemake.params.facts,
    )
