"""Entry of the rule summarise_sensitivity."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.sensitivity import summarise_sensitivity

    tables = ("demyelination", "variants", "regions", "all_lesions")
    keys = ("methods", "sizes", "bootstrap", "seed", "alpha")
    summarise_sensitivity(
        {name: snakemake.input[name] for name in tables},
        snakemake.output[0],
        **{key: snakemake.params[key] for key in keys},
    )
