"""Entry of the rule draw_figure."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.run_files import RunFiles
    from myelosketch.reporting.figures.saving import draw_figure

    files, params = snakemake.input, snakemake.params
    settings = {name: params.facts[name] for name in params.settings}
    if files.maps:
        settings["maps"] = RunFiles(files.maps)
    draw_figure(
        params.build,
        files.tables,
        title=params.title,
        simulated=params.facts["simulated"],
        settings=settings,
        dpi=params.dpi,
        **dict(snakemake.output.items()),
    )
