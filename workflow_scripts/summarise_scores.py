"""Entry of the rule summarise_scores."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.summary import summarise

    keys = ("methods", "k", "bootstrap", "alpha", "seed")
    summarise(
        {name: snakemake.input[name] for name in ("voxelwise", "demyelination", "lesions")},
        snakemake.output.summary,
        snakemake.output.sidecar,
        **{key: snakemake.params[key] for key in keys},
    )
