"""Entry of the rule fit_trees."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.packs import read_packs
    from myelosketch.learning.trees import fit_trees

    fit_trees(
        read_packs(snakemake.params.scans, snakemake.input.scans),
        Path(snakemake.output.weights).parent,
        seed=snakemake.params.seed,
        inputs=snakemake.params.inputs,
        harmonise=snakemake.params.harmonise,
        controls=snakemake.params.controls,
        sites=snakemake.params.sites,
        fold=int(snakemake.wildcards.fold),
    )
