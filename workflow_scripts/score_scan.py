"""Entry of the rule score_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.gather import as_one_file
    from myelosketch.evaluation.scoring import TABLES, score_scan

    params, files = snakemake.params, dict(snakemake.input.items())
    with as_one_file(TABLES, snakemake.output.scores) as tables:
        score_scan(
            files,
            {name: files[name] for name in params.scored},
            tables,
            {name.removeprefix("mask_"): snakemake.output[name] for name in params.masked},
            scan=snakemake.wildcards.scan,
            **{key: params[key] for key in ("subject", "group", "fold")},
            settings=params.settings | {"regions": params.regions},
        )
