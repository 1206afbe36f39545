"""Entry of the rule train_ablation."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.packs import read_packs
    from myelosketch.learning.training import train_stage

    method = snakemake.wildcards.method
    starts = {Path(path).parent.name: Path(path).parent for path in snakemake.input.starts}
    direct = starts.get("sketcher") if method == "refiner" else starts.get("ridge")
    train_stage(
        method,
        read_packs(snakemake.params.scans, snakemake.input.scans),
        Path(snakemake.output.weights).parent,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
        device=snakemake.config["training"]["device"],
        threads=snakemake.threads,
        fold=int(snakemake.wildcards.fold),
        start_model=direct,
        ridge_model=starts.get("ridge"),
    )
