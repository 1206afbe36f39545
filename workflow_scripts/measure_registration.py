"""Entry of the rule measure_registration."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration_error import measure_registration

    keys = ("poses", "regions", "xfm_t1w_to_petref", "xfm_dwi_to_t1w", "xfm_mtr_to_t1w")
    columns = [snakemake.params.scans, *(snakemake.input[key] for key in keys)]
    rows = [dict(zip(("scan", *keys), row, strict=True)) for row in zip(*columns, strict=True)]
    measure_registration(rows, snakemake.output[0])
