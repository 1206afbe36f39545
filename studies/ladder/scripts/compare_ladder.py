"""Entry of the rule compare_ladder."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.ladder_study import write_ladder
    from myelosketch.reporting.pages.ladder_study import write_ladder_page

    table = write_ladder(
        {name.removeprefix("world_"): list(paths) for name, paths in snakemake.input.items()},
        snakemake.output.table,
        **{key: snakemake.params[key] for key in ("order", "reference", "alpha")},
    )
    write_ladder_page(
        table, snakemake.output.page, alpha=snakemake.params.alpha, facts=snakemake.params.facts
    )
