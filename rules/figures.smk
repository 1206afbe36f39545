"""The figures, each an entry of the catalogue (myelosketch/reporting/figures/catalogue.py)."""

FIGURE_FILES = f"{RESULTS}/figures/{{figure}}"


rule draw_figure:
    """A figure, from tables and stored maps only: PNG for reports, SVG for papers, and the plotted numbers."""
    input:
        unpack(figure_input),
        archive=OPENED,
    output:
        png=report(f"{FIGURE_FILES}.png", caption="captions/figures.rst", category=figure_category),
        svg=f"{FIGURE_FILES}.svg",
        tsv=f"{FIGURE_FILES}.tsv",
    log:
        "<results>/logs/draw_figure/{figure}.log",
    benchmark:
        "<results>/benchmarks/draw_figure/{figure}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        build=lambda wildcards: figure_of(wildcards).build,
        title=lambda wildcards: figure_of(wildcards).heading,
        settings=lambda wildcards: list(figure_of(wildcards).settings),
        facts=figure_facts,
        dpi=config["reporting"]["dpi"],
        library=lambda wildcards: library(
            f"reporting.figures.{figure_of(wildcards).build.split('.')[0]}",
            "reporting.figures.saving",
        ),
    script:
        "../workflow_scripts/draw_figure.py"
