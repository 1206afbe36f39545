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
# settings of the scores of one scan; others, such as alpha, rerun only what gathers them
SCAN_SETTINGS = ("k", "ks", "dvr_range", "min_lesion_mm3", "reference", "lesion_sizes_mm3")
SCAN_SETTINGS += ("periventricular_mm", "juxtacortical_mm", "sensitivity")
# what scores read of a scan, beside its predictions
SCORED_FILES = ("dvr", "regions", "fractions", "xfm_t1w_to_petref", "xfm_t1w_to_mni")
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
        registered=registered_controls,
        labelled=training_parts(LABELLED),
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
        files=control_files,
        fwhm_mm=config["evaluation"]["reference_fwhm_mm"],
        library=library("evaluation.demyelination"),
    script:
        "../workflow_scripts/fit_threshold.py"


rule map_places:
    """Where the template has its lateral ventricles, deep nuclei, cerebellum and brain stem."""
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
    params:
        library=library("evaluation.places"),
    script:
        "../workflow_scripts/map_places.py"


rule score_scans:
    """All methods and ceilings of some scans against their measured PET, and their demyelinated voxels."""
    input:
        **REFERENCE,
        registered=registered_part,
        truth=lambda wildcards: [
            path for scan in part_scans(wildcards) for path in truth_of(scan).values()
        ],
        places=PLACES,
        labelled=LABELLED,
        predicted=PREDICTED,
    output:
        **{table: SCORES.replace("{table}", table) for table in SCORE_TABLES},
        masks=MASKED,
    log:
        f"results/logs/score_scans/{PART}.log",
    benchmark:
        f"results/benchmarks/score_scans/{PART}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        scans=lambda wildcards: [scored_scan(scan) for scan in part_scans(wildcards)],
        settings={key: config["evaluation"][key] for key in SCAN_SETTINGS},
        regions={key: config["regions"][key] for key in ("threshold", "white_erosion_mm")},
        library=library("evaluation.parts"),
    script:
        "../workflow_scripts/score_scans.py"


rule gather_scores:
    """The scans' tables, put together."""
    input:
        tables=part_tables(CROSS_VALIDATION),
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
    params:
        library=library("evaluation.gather"),
    script:
        "../workflow_scripts/gather_scores.py"


use rule gather_scores as gather_external_scores with:
    input:
        tables=part_tables([EXTERNAL_FOLD]),
    output:
        expand("results/evaluation/external/{table}.tsv", table=SCORE_TABLES),
    log:
        "results/logs/gather_external_scores.log",
    benchmark:
        "results/benchmarks/gather_external_scores.tsv"
