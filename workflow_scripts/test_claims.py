"""Entry of the rule test_claims."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.statistics import claim_statistics

    keys = ("methods", "k", "margin", "alpha", "bootstrap", "seed")
    claim_statistics(
        {name: snakemake.input[name] for name in ("regions", "voxelwise", "demyelination")},
        snakemake.output.statistics,
        snakemake.output.claims,
        **{key: snakemake.params[key] for key in keys},
    )
