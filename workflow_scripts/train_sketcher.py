"""Entry of the rule train_sketcher."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.packs import read_packs
    from myelosketch.learning.training import train_stage

    train_stage(
        "sketcher",
        read_packs(snakemake.params.scans, snakemake.input.scans),
        Path(snakemake.output.weights).parent,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        device=snakemake.config["training"]["device"],  # where, not what: a change need not train anew
        threads=snakemake.threads,
        fold=int(snakemake.wildcards.fold),
    )
