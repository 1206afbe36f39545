"""Entry of the rule draw_figure."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.saving import draw_figure
    from myelosketch.run_files import RunFiles

    files, params = snakemake.input, snakemake.params
    maps = {"maps": RunFiles(files.maps)} if files.maps else {}
    draw_figure(
        params.build,
        files.tables,
        **dict(snakemake.output.items()),
        title=params.title,
        simulated=params.facts["simulated"],
        dpi=params.dpi,
        **{name: params.facts[name] for name in params.settings},
        **maps,
    )
