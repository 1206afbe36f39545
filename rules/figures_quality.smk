"""Floor 6: figures of what must be in order before a score is believed."""


rule draw_registration_quality:
    """Numbers that tell whether each registration can be believed, beside their limits."""
    input:
        qc=QUALITY[:1],
    output:
        **FIGURE_FILES["registration_quality"],
    log:
        "results/logs/draw_registration_quality.log",
    benchmark:
        "results/benchmarks/draw_registration_quality.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **FACTS,
        limits=config["registration"]["quality"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.registration_figure"),
    script:
        "../workflow_scripts/draw_registration_quality.py"


rule draw_registration_error:
    """Registration error against the known pose of a simulated cohort."""
    input:
        registration_error="results/evaluation/registration_error.tsv",
    output:
        **FIGURE_FILES["registration_error"],
    log:
        "results/logs/draw_registration_error.log",
    benchmark:
        "results/benchmarks/draw_registration_error.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **FACTS,
        dpi=config["reporting"]["dpi"],
        library=library("reporting.quality_figures"),
    script:
        "../workflow_scripts/draw_registration_error.py"


rule draw_training_curves:
    """Losses of every trained network against the epoch."""
    input:
        histories=expand(
            "results/training/fold-{fold}/{method}/history.tsv",
            method=TRAINED_NETWORKS,
            fold=CROSS_VALIDATION,
        ),
    output:
        **FIGURE_FILES["training_curves"],
    log:
        "results/logs/draw_training_curves.log",
    benchmark:
        "results/benchmarks/draw_training_curves.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **FACTS,
        dpi=config["reporting"]["dpi"],
        library=library("reporting.quality_figures"),
    script:
        "../workflow_scripts/draw_training_curves.py"
