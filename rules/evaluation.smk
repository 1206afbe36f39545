"""Floor 5: every held-out prediction and every ceiling, scored by the same code and tested."""

SCORE_TABLES = ["voxelwise", "demyelination", "lesions", "regions"]
SCORED = [*METHODS, *CEILINGS]
EVALUATION = [
    *expand("results/evaluation/{table}.tsv", table=SCORE_TABLES),
    "results/evaluation/summary.tsv",
    "results/evaluation/statistics.tsv",
    "results/evaluation/claims.tsv",
    # scores at external sites, by models of all internal scans; never mixed with the cross-validation
    *expand(
        "results/evaluation/external/{table}.tsv",
        table=[*SCORE_TABLES, "summary"] if EXTERNAL else [],
    ),
]


rule fit_threshold:
    """Mean and SD of healthy white matter in the true PET of a fold's training controls."""
    input:
        dvr=control_files("dvr"),
        regions=control_files("regions"),
        library=library("evaluation.demyelination"),
    output:
        "results/training/fold-{fold}/threshold.json",
    log:
        "results/logs/fit_threshold/{fold}.log",
    benchmark:
        "results/benchmarks/fit_threshold/{fold}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        controls=lambda wildcards: train_controls(wildcards.fold),
        reference=config["evaluation"]["reference"],
    script:
        "../workflow_scripts/fit_threshold.py"


rule score_scan:
    """All methods and ceilings of one scan against its measured PET, and its demyelinated voxels."""
    input:
        dvr=pat("dvr"),
        regions=pat("regions"),
        predictions=expand(pat("predicted"), method=METHODS, allow_missing=True),
        ceilings=lambda wildcards: [truth(wildcards.scan, which) for which in CEILINGS],
        threshold=lambda wildcards: f"results/training/fold-{FOLD[wildcards.scan]}/threshold.json",
        library=library("evaluation.scoring"),
    output:
        tables=expand(
            "results/evaluation/scans/{{folder}}/{{scan}}_{table}.tsv", table=SCORE_TABLES
        ),
        masks=expand(pat("demyelinated"), method=["pet", *METHODS], allow_missing=True),
    log:
        "results/logs/score_scan/{folder}/{scan}.log",
    benchmark:
        "results/benchmarks/score_scan/{folder}/{scan}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=15,
    params:
        tables=SCORE_TABLES,
        scored=SCORED,
        mapped=["pet", *METHODS],
        subject=lambda wildcards: names.subject_of(wildcards.scan),
        group=lambda wildcards: GROUP[wildcards.scan],
        fold=lambda wildcards: FOLD[wildcards.scan],
        k=config["evaluation"]["k"],
        ks=config["evaluation"]["ks"],
        dvr_range=config["evaluation"]["dvr_range"],
        min_lesion_mm3=config["evaluation"]["min_lesion_mm3"],
    script:
        "../workflow_scripts/score_scan.py"


rule gather_scores:
    """The scans' tables, put together."""
    input:
        tables=lambda wildcards: [
            f"results/evaluation/scans/{names.folder_of(scan)}/{scan}_{wildcards.table}.tsv"
            for scan in INTERNAL
        ],
        library=library("evaluation.gather"),
    output:
        "results/evaluation/{table}.tsv",
    log:
        "results/logs/gather_scores/{table}.log",
    benchmark:
        "results/benchmarks/gather_scores/{table}.tsv"
    wildcard_constraints:
        table="|".join(SCORE_TABLES),
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../workflow_scripts/gather_scores.py"


use rule gather_scores as gather_external_scores with:
    input:
        tables=lambda wildcards: [
            f"results/evaluation/scans/{names.folder_of(scan)}/{scan}_{wildcards.table}.tsv"
            for scan in EXTERNAL
        ],
        library=library("evaluation.gather"),
    output:
        "results/evaluation/external/{table}.tsv",
    log:
        "results/logs/gather_external_scores/{table}.log",
    benchmark:
        "results/benchmarks/gather_external_scores/{table}.tsv"


rule summarise_scores:
    """Means over subjects with intervals, and each method's difference to the refiner."""
    input:
        voxelwise="results/evaluation/voxelwise.tsv",
        demyelination="results/evaluation/demyelination.tsv",
        lesions="results/evaluation/lesions.tsv",
        library=library("evaluation.summary"),
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
    script:
        "../workflow_scripts/summarise_scores.py"


use rule summarise_scores as summarise_external_scores with:
    input:
        voxelwise="results/evaluation/external/voxelwise.tsv",
        demyelination="results/evaluation/external/demyelination.tsv",
        lesions="results/evaluation/external/lesions.tsv",
        library=library("evaluation.summary"),
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
        library=library("evaluation.statistics"),
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
    script:
        "../workflow_scripts/test_claims.py"
