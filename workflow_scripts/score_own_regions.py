"""Entry of the rule score_own_regions."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.own_regions import score_scan

    score_scan(
        dict(snakemake.input.items()),
        snakemake.output[0],
        **{name: snakemake.params[name] for name in ("atlases", "methods", "facts")},
    )
