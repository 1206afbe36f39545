"""Entry of the rule measure_registration."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration_error import measure_registration

    poses = zip(snakemake.params.scans, snakemake.input.poses, strict=True)
    measure_registration([scan | {"poses": path} for scan, path in poses], snakemake.output[0])
