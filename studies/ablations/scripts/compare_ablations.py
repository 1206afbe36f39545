"""Entry of the rule compare_ablations."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.ablations import write_ablations

    write_ablations(
        snakemake.input.tables,
        snakemake.input.cards,
        {table: snakemake.input[f"configured_{table}"] for table in ("voxelwise", "demyelination")},
        snakemake.output[0],
        **{key: snakemake.params[key] for key in ("k", "bootstrap", "seed", "alpha")},
    )
