"""Floor 5: what the scores of all scans say together: means, tests, agreement, comparisons, sensitivity."""


rule summarise_scores:
    """Means over subjects with intervals, and each method's difference to the refiner."""
    input:
        voxelwise="results/evaluation/voxelwise.tsv",
        demyelination="results/evaluation/demyelination.tsv",
        lesions="results/evaluation/lesions.tsv",
    output:
        summary="results/evaluation/summary.tsv",
        sidecar="results/evaluation/summary.json",
    log:
        "results/logs/summarise_scores.log",
    benchmark:
        "results/benchmarks/summarise_scores.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        methods=SCORED,
        k=config["evaluation"]["k"],
        bootstrap=config["evaluation"]["bootstrap"],
        alpha=config["evaluation"]["alpha"],
        seed=config["seed"],
        library=library("evaluation.summary"),
    script:
        "../workflow_scripts/summarise_scores.py"


use rule summarise_scores as summarise_external_scores with:
    input:
        voxelwise="results/evaluation/external/voxelwise.tsv",
        demyelination="results/evaluation/external/demyelination.tsv",
        lesions="results/evaluation/external/lesions.tsv",
    output:
        summary="results/evaluation/external/summary.tsv",
        sidecar="results/evaluation/external/summary.json",
    log:
        "results/logs/summarise_external_scores.log",
    benchmark:
        "results/benchmarks/summarise_external_scores.tsv"


rule test_claims:
    """The paper's claims C1 to C5, on the measured PET and on every held-out prediction."""
    input:
        regions="results/evaluation/regions.tsv",
        voxelwise="results/evaluation/voxelwise.tsv",
        demyelination="results/evaluation/demyelination.tsv",
    output:
        statistics="results/evaluation/statistics.tsv",
        claims="results/evaluation/claims.tsv",
    log:
        "results/logs/test_claims.log",
    benchmark:
        "results/benchmarks/test_claims.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        methods=METHODS,
        k=config["evaluation"]["k"],
        margin=config["evaluation"]["equivalence_margin"],
        alpha=config["evaluation"]["alpha"],
        bootstrap=config["evaluation"]["bootstrap"],
        seed=config["seed"],
        library=library("evaluation.statistics"),
    script:
        "../workflow_scripts/test_claims.py"


rule measure_agreement:
    """Agreement of predicted with true values, lesion by lesion and patient by patient."""
    input:
        lesions="results/evaluation/lesions.tsv",
        demyelination="results/evaluation/demyelination.tsv",
        regions="results/evaluation/regions.tsv",
    output:
        lesion_agreement="results/evaluation/lesion_agreement.tsv",
        patient_agreement="results/evaluation/patient_agreement.tsv",
    log:
        "results/logs/measure_agreement.log",
    benchmark:
        "results/benchmarks/measure_agreement.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        methods=SCORED,
        borders=config["evaluation"]["lesion_sizes_mm3"],
        k=config["evaluation"]["k"],
        bootstrap=config["evaluation"]["bootstrap"],
        alpha=config["evaluation"]["alpha"],
        seed=config["seed"],
        library=library("evaluation.lesion_agreement"),
    script:
        "../workflow_scripts/measure_agreement.py"


rule compare_methods:
    """Every pair of methods, paired by subject, and the mean ranks of all."""
    input:
        voxelwise="results/evaluation/voxelwise.tsv",
        demyelination="results/evaluation/demyelination.tsv",
    output:
        comparisons="results/evaluation/comparisons.tsv",
        ranks="results/evaluation/ranks.tsv",
    log:
        "results/logs/compare_methods.log",
    benchmark:
        "results/benchmarks/compare_methods.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        methods=METHODS,
        k=config["evaluation"]["k"],
        bootstrap=config["evaluation"]["bootstrap"],
        alpha=config["evaluation"]["alpha"],
        seed=config["seed"],
        library=library("evaluation.comparisons"),
    script:
        "../workflow_scripts/compare_methods.py"


rule summarise_sensitivity:
    """Results under other thresholds, references, perilesional shells and lesion sizes."""
    input:
        demyelination="results/evaluation/demyelination.tsv",
        variants="results/evaluation/variants.tsv",
        regions="results/evaluation/regions.tsv",
        all_lesions="results/evaluation/all_lesions.tsv",
    output:
        "results/evaluation/sensitivity.tsv",
    log:
        "results/logs/summarise_sensitivity.log",
    benchmark:
        "results/benchmarks/summarise_sensitivity.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        methods=SCORED,
        sizes=config["evaluation"]["sensitivity"]["min_lesion_mm3"],
        bootstrap=config["evaluation"]["bootstrap"],
        alpha=config["evaluation"]["alpha"],
        seed=config["seed"],
        library=library("evaluation.sensitivity"),
    script:
        "../workflow_scripts/summarise_sensitivity.py"
