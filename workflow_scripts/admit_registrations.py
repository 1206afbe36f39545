"""Entry of the rule admit_registrations."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.quality_verdicts import admit_registrations

    admit_registrations(
        snakemake.input.table,
        snakemake.input.page,
        snakemake.output[0],
        snakemake.params.refused,
        rows=snakemake.params.rows,
        units=snakemake.params.units,
        maps=snakemake.params.maps,
        settings=snakemake.params.settings,
    )
