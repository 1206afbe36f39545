"""Entry of the rules prepare_anatomy and prepare_anatomy_with_flair."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.anatomy.head import prepare_anatomy
    from myelosketch.imaging.files import Anatomy, RawImages, given_transforms
    from myelosketch.intake.gate import refuse_scan

    # not a parameter, so that accepting a scan does not repeat finished steps
    refuse_scan(snakemake.input.inspection, snakemake.config["cohort"]["accept"])
    params = snakemake.params
    files = dict(snakemake.input.items())
    given = given_transforms(files, params.aligned)
    prepare_anatomy(
        RawImages.of(files | {"lesion_space": params.lesion_space, "given": given}),
        Anatomy.of(dict(snakemake.output.items())),
        **{key: params[key] for key in ("tissue", "lesions", "registration", "units", "seed")},
    )
