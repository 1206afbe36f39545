"""Entry of the rule register_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration import register_scan

    register_scan(
        {key: path or None for key, path in snakemake.input.items()},
        dict(snakemake.output.items()),
        registration=snakemake.params.registration,
        units=snakemake.params.units,
        seed=snakemake.params.seed,
    )
