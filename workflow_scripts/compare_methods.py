"""Entry of the rule compare_methods."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.comparisons import write_comparisons

    tables = ("voxelwise", "demyelination")
    keys = ("methods", "k", "bootstrap", "seed", "alpha")
    write_comparisons(
        {name: snakemake.input[name] for name in tables},
        dict(snakemake.output.items()),
        **{key: snakemake.params[key] for key in keys},
    )
