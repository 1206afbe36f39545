"""Entry of the rule fit_ridge."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.packs import read_packs
    from myelosketch.learning.ridge import fit_ridge

    fit_ridge(
        snakemake.wildcards.method,
        read_packs(snakemake.params.scans, snakemake.input.scans),
        Path(snakemake.output.weights).parent,
        alphas=snakemake.params.alphas,
        splits=snakemake.params.splits,
        inputs=snakemake.params.inputs,
        harmonise=snakemake.params.harmonise,
        controls=snakemake.params.controls,
        sites=snakemake.params.sites,
        fold=int(snakemake.wildcards.fold),
    )
