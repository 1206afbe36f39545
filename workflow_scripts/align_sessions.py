"""Entry of the rule align_sessions."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration.common import SESSION_FILES, align_sessions

    align_sessions(
        {name: snakemake.input[name] for name in SESSION_FILES},
        snakemake.params.scans,
        snakemake.output.common,
        registration=snakemake.params.registration,
        seed=snakemake.params.seed,
    )
