"""Entry of the rule fit_baseline."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.baselines import fit_baseline
    from myelosketch.learning.checks import PRETRAINED
    from myelosketch.learning.packs import read_packs

    fit_baseline(
        snakemake.wildcards.method,
        read_packs(snakemake.params.scans, snakemake.input.scans),
        Path(snakemake.output.weights).parent,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        pretrained=Path(snakemake.input.pretrained[0]).parent if snakemake.input.pretrained else PRETRAINED,
        harmonise=snakemake.params.harmonise,
        controls=snakemake.params.controls,
        sites=snakemake.params.sites,
        fold=int(snakemake.wildcards.fold),
    )
