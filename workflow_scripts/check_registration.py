"""Entry of the rule check_registration."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.quality import check_registration

    check_registration(
        {key: path or None for key, path in snakemake.input.items()},
        dict(snakemake.output.items()),
        scan=snakemake.wildcards.scan,
        group=snakemake.params.group,
        registration=snakemake.params.registration,
        units=snakemake.params.units,
        seed=snakemake.params.seed,
    )
