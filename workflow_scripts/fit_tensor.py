"""Entry of the rule fit_tensor."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.tensor import fit_tensor

    fit_tensor(dict(snakemake.input.items()), dict(snakemake.output.items()), **snakemake.params.options)
