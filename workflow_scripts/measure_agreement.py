"""Entry of the rule measure_agreement."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.lesion_agreement import write_agreement

    tables = ("lesions", "demyelination", "regions")
    keys = ("methods", "borders", "k", "bootstrap", "seed", "alpha")
    write_agreement(
        {name: snakemake.input[name] for name in tables},
        dict(snakemake.output.items()),
        **{key: snakemake.params[key] for key in keys},
    )
