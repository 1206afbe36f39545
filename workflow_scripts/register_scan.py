"""Entry of the rule register_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration import register_scan

    register_scan(
        dict(snakemake.input.items()),
        dict(snakemake.output.items()),
        units=snakemake.params.units,
        seed=snakemake.params.seed,
        **snakemake.params.registration,
    )
