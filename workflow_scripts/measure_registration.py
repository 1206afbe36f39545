"""Entry of the rule measure_registration."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration.error import measure_registration

    files = {name: list(paths) for name, paths in snakemake.input.items()}
    scans = [dict(zip(files, paths, strict=True)) for paths in zip(*files.values(), strict=True)]
    measure_registration(
        [{"scan": scan, **paths} for scan, paths in zip(snakemake.params.scans, scans, strict=True)],
        snakemake.output[0],
    )
