"""Floor 6: the report."""

REPORT = ["results/report.html"]
CAPTIONS = own_file(Path(workflow.basedir) / "rules/captions")


rule write_report:
    """One HTML file that needs no network: tables, figures, claims, versions, limits."""
    input:
        figures=expand("results/figures/{figure}.png", figure=FIGURE_NAMES),
        tables=[*EVALUATION, REGION_VOLUMES, *REGISTRATION_ERROR],
        cohort=expand("results/cohort/{table}.tsv", table=["cohort", "excluded", "folds"]),
        thresholds=expand("results/training/fold-{fold}/threshold.json", fold=FOLD_IDS),
        captions=expand(f"{CAPTIONS}/{{figure}}.rst", figure=FIGURE_NAMES),
        template=own_file(LIBRARY / "myelosketch/reporting/report.html.j2"),
        library=library("reporting.report"),
    output:
        REPORT,
    log:
        "results/logs/write_report.log",
    benchmark:
        "results/benchmarks/write_report.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        facts=METHOD_FACTS
        | {key: config["evaluation"][key] for key in ("k", "alpha", "min_lesion_mm3")}
        | {key: config["reporting"][key] for key in ("example_patient", "agreement_colours")}
        | {"n_folds": len(CROSS_VALIDATION)},
        config=config,
    script:
        "../workflow_scripts/write_report.py"
