"""Entry of the rule score_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.scoring import score_scan

    files, params = dict(snakemake.input.items()), snakemake.params
    maps = [*files.pop("predictions"), *files.pop("ceilings")]
    score_scan(
        # a file that a scan does not have is an empty list
        {key: path for key, path in files.items() if path and key != "library"},
        dict(zip(params.scored, maps, strict=True)),
        dict(zip(params.tables, snakemake.output.tables, strict=True)),
        dict(zip(params.mapped, snakemake.output.masks, strict=True)),
        scan=snakemake.wildcards.scan,
        settings=params.settings | {"regions": params.regions},
        **{key: params[key] for key in ("subject", "group", "fold")},
    )
