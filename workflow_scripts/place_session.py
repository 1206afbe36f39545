"""Entry of the rule place_session."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration.common import place_session

    files = snakemake.input
    place_session(files.common, snakemake.wildcards.scan, files.t1w, snakemake.output.xfm_t1w_to_common)
