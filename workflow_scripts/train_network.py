"""Entry of the rules train_network and train_ablation."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.gpu_lock import hold_gpu
    from myelosketch.learning.packs import read_packs
    from myelosketch.learning.training import train_stage

    # not a parameter, because another device is no reason to train again
    device = snakemake.config["training"]["device"]
    hold_gpu(device)
    train_stage(
        snakemake.wildcards.method,
        read_packs(snakemake.params.scans, snakemake.input.scans),
        Path(snakemake.output.weights).parent,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        device=device,
        threads=snakemake.threads,
        fold=int(snakemake.wildcards.fold),
        controls=snakemake.params.controls,
        sites=snakemake.params.sites,
        sketcher=Path(snakemake.input.sketcher[0]).parent if snakemake.input.sketcher else None,
    )
