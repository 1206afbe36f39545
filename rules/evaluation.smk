"""Floor 5: every held-out prediction and every ceiling, scored by the same code and tested."""

SCORE_TABLES = ["voxelwise", "demyelination", "lesions", "regions", "roc", "calibration"]
# what sensitivity.tsv is made of
SCORE_TABLES += ["variants", "all_lesions"]
SUMMARIES = ["summary", "statistics", "claims", "lesion_agreement", "patient_agreement"]
SUMMARIES += ["comparisons", "ranks", "sensitivity"]
SCORED = [*METHODS, *CEILINGS]
PLACES = "results/evaluation/places.nii.gz"
# healthy white matter of a fold's training controls: one mean and SD, and maps of both in MNI152 space
REFERENCE = {
    "threshold": "results/training/fold-{fold}/threshold.json",
    "reference_mean": "results/training/fold-{fold}/white-matter_mean.nii.gz",
    "reference_sd": "results/training/fold-{fold}/white-matter_sd.nii.gz",
}
REFERENCE_INPUTS = ("dvr", "regions", "xfm_t1w_to_petref", "xfm_t1w_to_mni")
# settings of the scores of one scan; others, such as alpha, rerun only what gathers them
SCAN_SETTINGS = ("k", "ks", "dvr_range", "min_lesion_mm3", "reference", "lesion_sizes_mm3")
SCAN_SETTINGS += ("periventricular_mm", "juxtacortical_mm", "sensitivity")
LESION_TRUTH = ("lesions", "lesion_table", "poses") if IS_SIMULATED else ()
EVALUATION = [
    *expand("results/evaluation/{table}.tsv", table=[*SCORE_TABLES, *SUMMARIES]),
    # scores at external sites, by models of all internal scans; never mixed with the cross-validation
    *expand(
        "results/evaluation/external/{table}.tsv",
        table=[*SCORE_TABLES, "summary"] if EXTERNAL else [],
    ),
]


rule fit_threshold:
    """Mean and SD of healthy white matter in the true PET of a fold's training controls."""
    input:
        **{key: control_files(key) for key in REFERENCE_INPUTS},
        library=library("evaluation.demyelination"),
    output:
        **REFERENCE,
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
        fwhm_mm=config["evaluation"]["reference_fwhm_mm"],
    script:
        "../workflow_scripts/fit_threshold.py"


rule map_places:
    """Where the template has its lateral ventricles, deep nuclei, cerebellum and brain stem."""
    input:
        library=library("evaluation.places"),
    output:
        PLACES,
    log:
        "results/logs/map_places.log",
    benchmark:
        "results/benchmarks/map_places.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    script:
        "../workflow_scripts/map_places.py"


rule score_scan:
    """All methods and ceilings of one scan against its measured PET, and its demyelinated voxels."""
    input:
        **{key: reference_of(key) for key in REFERENCE},
        **{key: truth_input(key) for key in LESION_TRUTH},
        dvr=pat("dvr"),
        regions=pat("regions"),
        fractions=pat("fractions"),
        xfm_t1w_to_petref=pat("xfm_t1w_to_petref"),
        xfm_t1w_to_mni=pat("xfm_t1w_to_mni"),
        places=PLACES,
        predictions=expand(pat("predicted"), method=METHODS, allow_missing=True),
        ceilings=lambda wildcards: [truth(wildcards.scan, which) for which in CEILINGS],
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
        settings={key: config["evaluation"][key] for key in SCAN_SETTINGS},
        regions={key: config["regions"][key] for key in ("threshold", "white_erosion_mm")},
    script:
        "../workflow_scripts/score_scan.py"


rule gather_scores:
    """The scans' tables, put together."""
    input:
        tables=scan_tables(INTERNAL),
        library=library("evaluation.gather"),
    output:
        expand("results/evaluation/{table}.tsv", table=SCORE_TABLES),
    log:
        "results/logs/gather_scores.log",
    benchmark:
        "results/benchmarks/gather_scores.tsv"
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
        tables=scan_tables(EXTERNAL),
        library=library("evaluation.gather"),
    output:
        expand("results/evaluation/external/{table}.tsv", table=SCORE_TABLES),
    log:
        "results/logs/gather_external_scores.log",
    benchmark:
        "results/benchmarks/gather_external_scores.tsv"
