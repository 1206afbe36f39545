"""Floor 6: our own figures, of what the paper does not show."""

# axis of sensitivity.tsv -> its figure, and the value of that setting in this run
SENSITIVITY = {
    "k": "sensitivity_k",
    "reference": "sensitivity_reference",
    "perilesional_mm": "sensitivity_perilesional",
    "min_lesion_mm3": "sensitivity_lesion_size",
}
IN_FORCE = {
    "k": config["evaluation"]["k"],
    "reference": config["evaluation"]["reference"],
    "perilesional_mm": config["regions"]["perilesional_mm"],
    "min_lesion_mm3": config["evaluation"]["min_lesion_mm3"],
}


rule draw_ladder:
    """Every method and ceiling: lesion MAE, Dice beside trivial Dice, MCC."""
    input:
        summary="results/evaluation/summary.tsv",
    output:
        **FIGURE_FILES["ladder"],
    log:
        "results/logs/draw_ladder.log",
    benchmark:
        "results/benchmarks/draw_ladder.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **FACTS,
        k=config["evaluation"]["k"],
        alpha=config["evaluation"]["alpha"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.ladder_figure"),
    script:
        "../workflow_scripts/draw_ladder.py"


rule draw_comparison:
    """Ranks of the methods with their critical difference, and differences with intervals."""
    input:
        ranks="results/evaluation/ranks.tsv",
        comparisons="results/evaluation/comparisons.tsv",
    output:
        **FIGURE_FILES["comparison"],
    log:
        "results/logs/draw_comparison.log",
    benchmark:
        "results/benchmarks/draw_comparison.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **METHOD_FACTS,
        alpha=config["evaluation"]["alpha"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.comparison_figures"),
    script:
        "../workflow_scripts/draw_comparison.py"


rule draw_roc:
    """ROC curves of demyelinated lesion voxels."""
    input:
        roc="results/evaluation/roc.tsv",
        summary="results/evaluation/summary.tsv",
    output:
        **FIGURE_FILES["roc"],
    log:
        "results/logs/draw_roc.log",
    benchmark:
        "results/benchmarks/draw_roc.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **METHOD_FACTS,
        k=config["evaluation"]["k"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.roc_figure"),
    script:
        "../workflow_scripts/draw_roc.py"


rule draw_calibration_curves:
    """True DVR against predicted DVR by region, and the slopes of the participants."""
    input:
        calibration="results/evaluation/calibration.tsv",
        voxelwise="results/evaluation/voxelwise.tsv",
    output:
        **FIGURE_FILES["calibration"],
    log:
        "results/logs/draw_calibration_curves.log",
    benchmark:
        "results/benchmarks/draw_calibration_curves.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **METHOD_FACTS,
        dpi=config["reporting"]["dpi"],
        library=library("reporting.calibration_figure"),
    script:
        "../workflow_scripts/draw_calibration_curves.py"


rule draw_sites:
    """External sites beside the cross-validation."""
    input:
        summary="results/evaluation/summary.tsv",
        external="results/evaluation/external/summary.tsv",
    output:
        **FIGURE_FILES["sites"],
    log:
        "results/logs/draw_sites.log",
    benchmark:
        "results/benchmarks/draw_sites.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **FACTS,
        k=config["evaluation"]["k"],
        alpha=config["evaluation"]["alpha"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.comparison_figures"),
    script:
        "../workflow_scripts/draw_sites.py"


rule draw_bland_altman:
    """Agreement over patients: demyelinated percentage, mean DVR of lesions and of NAWM."""
    input:
        demyelination="results/evaluation/demyelination.tsv",
        regions="results/evaluation/regions.tsv",
        patient_agreement="results/evaluation/patient_agreement.tsv",
    output:
        **FIGURE_FILES["bland_altman"],
    log:
        "results/logs/draw_bland_altman.log",
    benchmark:
        "results/benchmarks/draw_bland_altman.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **METHOD_FACTS,
        k=config["evaluation"]["k"],
        alpha=config["evaluation"]["alpha"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.bland_altman_figure"),
    script:
        "../workflow_scripts/draw_bland_altman.py"


rule draw_lesion_means:
    """Mean DVR of each lesion, true against predicted."""
    input:
        lesions="results/evaluation/lesions.tsv",
    output:
        **FIGURE_FILES["lesion_means"],
    log:
        "results/logs/draw_lesion_means.log",
    benchmark:
        "results/benchmarks/draw_lesion_means.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **METHOD_FACTS,
        min_lesion_mm3=config["evaluation"]["min_lesion_mm3"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.lesion_figures"),
    script:
        "../workflow_scripts/draw_lesion_means.py"


rule draw_lesion_agreement:
    """Mean DVR of lesions by size, place and kind."""
    input:
        lesions="results/evaluation/lesions.tsv",
        lesion_agreement="results/evaluation/lesion_agreement.tsv",
    output:
        **FIGURE_FILES["lesion_agreement"],
    log:
        "results/logs/draw_lesion_agreement.log",
    benchmark:
        "results/benchmarks/draw_lesion_agreement.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **METHOD_FACTS,
        alpha=config["evaluation"]["alpha"],
        min_lesion_mm3=config["evaluation"]["min_lesion_mm3"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.lesion_figures"),
    script:
        "../workflow_scripts/draw_lesion_agreement.py"


rule draw_sensitivity:
    """Scores under another k, reference, perilesional width and smallest lesion: a figure each."""
    input:
        sensitivity="results/evaluation/sensitivity.tsv",
    output:
        **{
            f"{name}_{suffix}": path
            for name in SENSITIVITY.values()
            for suffix, path in FIGURE_FILES[name].items()
        },
    log:
        "results/logs/draw_sensitivity.log",
    benchmark:
        "results/benchmarks/draw_sensitivity.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **FACTS,
        alpha=config["evaluation"]["alpha"],
        axes=SENSITIVITY,
        in_force=IN_FORCE,
        dpi=config["reporting"]["dpi"],
        library=library("reporting.sensitivity_figure"),
    script:
        "../workflow_scripts/draw_sensitivity.py"
