"""Entry of the rule score_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.scoring import score_scan

    files, params = snakemake.input, snakemake.params
    keys = ("subject", "group", "fold", "k", "ks", "dvr_range", "min_lesion_mm3")
    score_scan(
        files.dvr,
        files.regions,
        dict(zip(params.scored, [*files.predictions, *files.ceilings], strict=True)),
        files.threshold,
        dict(zip(params.tables, snakemake.output.tables, strict=True)),
        dict(zip(params.mapped, snakemake.output.masks, strict=True)),
        scan=snakemake.wildcards.scan,
        **{key: params[key] for key in keys},
    )
