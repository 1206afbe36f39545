"""Entry of the rule register_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.registration.quality import check_registration
    from myelosketch.imaging.registration.to_petref import register_scan

    settings = {key: snakemake.params[key] for key in ("registration", "units", "seed")}
    images = {name: path or None for name, path in snakemake.input.items() if name != "lesion_sidecar"}
    outputs = dict(snakemake.output.items())
    register_scan(images, outputs, **settings)
    check_registration(
        images | {"xfm_t1w_to_petref": outputs["xfm_t1w_to_petref"]},
        outputs,
        scan=snakemake.wildcards.scan,
        group=snakemake.params.group,
        **settings,
    )
