"""Entry of the rules prepare_anatomy and prepare_anatomy_with_flair."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.anatomy.head import prepare_anatomy
    from myelosketch.imaging.files import Anatomy, RawImages
    from myelosketch.intake.gate import refuse_scan

    # read from the configuration, not a parameter: what was done with an accepted scan is not done again
    refuse_scan(snakemake.input.inspection, snakemake.config["cohort"]["accept"])
    params = snakemake.params
    prepare_anatomy(
        RawImages.of({**dict(snakemake.input.items()), "lesion_space": params.lesion_space}),
        Anatomy.of(dict(snakemake.output.items())),
        **{key: params[key] for key in ("tissue", "lesions", "registration", "units", "seed")},
    )
