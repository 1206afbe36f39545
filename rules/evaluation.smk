"""Scores of every held-out prediction and every ceiling, by the same code, and statistical tests."""

from myelosketch.evaluation.residuals import SOURCES as RESIDUAL_TABLES

SCORE_TABLES = ["voxelwise", "demyelination", "lesions", "regions", "roc", "calibration"]
# files behind sensitivity.tsv
SCORE_TABLES += ["variants", "all_lesions"]
# those of external sites too
EXTERNAL_ANALYSES = ["summary", "coverage"]
ANALYSES = [*EXTERNAL_ANALYSES, "statistics", "claims", "lesion_agreement", "patient_agreement"]
ANALYSES += ["comparisons", "ranks", "sensitivity"]
PLACES = f"{RESULTS}/evaluation/places.nii.gz"
MASKS = {
    f"mask_{name}": path
    # the prediction writes those of a new scan
    for name, path in by_method("demyelinated", ["pet", *([] if PREDICTS else METHODS)]).items()
}
# scores at external sites, by models of all internal scans; never mixed with the cross-validation
EXTERNAL_TABLES = expand(
    f"{RESULTS}/evaluation/external/{{table}}.tsv",
    table=[*SCORE_TABLES, *EXTERNAL_ANALYSES] if COHORT.measured_external else [],
)
CONTRASTS = {
    "contrasts": f"{RESULTS}/evaluation/contrasts.tsv",
    "residuals": f"{RESULTS}/evaluation/contrast_residuals.tsv",
}
# one row per scan with everything, and its data dictionary
SCANS = [f"{RESULTS}/evaluation/scans.{suffix}" for suffix in ("tsv", "json")]
EVALUATION = [
    *expand(f"{RESULTS}/evaluation/{{table}}.tsv", table=[*SCORE_TABLES, *ANALYSES]),
    *CONTRASTS.values(),
    *SCANS,
    *EXTERNAL_TABLES,
]


# scans that intervals at other sites are calibrated on: held-out scans of this run, or of the model's run
CALIBRATION = {
    f"internal_{table}": f"<results>/evaluation/{table}.tsv" for table in RESIDUAL_TABLES
}
if PREDICTS:
    CALIBRATION = {"internal_residuals": RESIDUALS}


rule map_places:
    """Positions of lateral ventricles, deep nuclei, cerebellum and brain stem in the template."""
    input:
        archive=OPENED,
    output:
        PLACES,
        written_beside=beside([PLACES]),
    log:
        "<results>/logs/map_places.log",
    benchmark:
        "<results>/benchmarks/map_places.tsv"
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


rule score_scan:
    """All methods and ceilings of a scan against its measured PET, and its demyelinated voxels."""
    input:
        unpack(reference_input),
        unpack(truth_of),
        **derivatives("dvr", "regions", "ad", "fractions", "xfm_t1w_to_petref", "xfm_t1w_to_mni"),
        **PREDICTED,
        # they record which fold's model was used
        sidecars=beside(PREDICTED.values()),
        places=PLACES,
    output:
        **MASKS,
        scores=SCORES,
        written_beside=beside(MASKS.values()),
    log:
        "<results>/logs/score_scan/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/score_scan/{folder}/{scan}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        subject=lambda wildcards: names.subject_of(wildcards.scan),
        group=lambda wildcards: COHORT.group[wildcards.scan] or "MS",
        fold=lambda wildcards: COHORT.fold[wildcards.scan],
        scored=[*METHODS, *CEILINGS],
        masked=list(MASKS),
        settings={key: config["evaluation"][key] for key in SCORE_SETTINGS},
        regions={key: config["regions"][key] for key in ("threshold", "white_erosion_mm")},
        library=library("evaluation.scoring", "evaluation.gather"),
    script:
        "../workflow_scripts/score_scan.py"


rule gather_scores:
    """The scores of all scans, table by table."""
    input:
        scores_of(COHORT.internal),
    output:
        **{table: f"<results>/evaluation/{table}.tsv" for table in SCORE_TABLES},
    log:
        "<results>/logs/gather_scores.log",
    benchmark:
        "<results>/benchmarks/gather_scores.tsv"
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
        scores_of(COHORT.measured_external),
    output:
        **{table: f"<results>/evaluation/external/{table}.tsv" for table in SCORE_TABLES},
    log:
        "<results>/logs/gather_external_scores.log",
    benchmark:
        "<results>/benchmarks/gather_external_scores.tsv"


rule analyse_scores:
    """Statistics over all scans: means, coverage of intervals, claims C1 to C5, agreement, comparisons."""
    input:
        **{table: f"<results>/evaluation/{table}.tsv" for table in SCORE_TABLES},
    output:
        **{table: f"<results>/evaluation/{table}.tsv" for table in ANALYSES},
        sidecar="<results>/evaluation/summary.json",
    log:
        "<results>/logs/analyse_scores.log",
    benchmark:
        "<results>/benchmarks/analyse_scores.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        settings={
            "methods": METHODS,
            "ceilings": CEILINGS,
            "seed": config["seed"],
            "margin": config["evaluation"]["equivalence_margin"],
            "borders": config["evaluation"]["lesion_sizes_mm3"],
            "sizes": config["evaluation"]["sensitivity"]["min_lesion_mm3"],
            **{key: config["evaluation"][key] for key in ("k", "bootstrap", "alpha")},
        },
        library=library("evaluation.analyses"),
    script:
        "../workflow_scripts/analyse_scores.py"


rule compare_groups:
    """Patients against controls, and demyelinated share against clinical scores, raw and adjusted for covariates."""
    input:
        regions="<results>/evaluation/regions.tsv",
        demyelination="<results>/evaluation/demyelination.tsv",
        cohort="<results>/cohort/cohort.tsv",
    output:
        **CONTRASTS,
    log:
        "<results>/logs/compare_groups.log",
    benchmark:
        "<results>/benchmarks/compare_groups.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings={
            "methods": METHODS,
            **{
                key: config["evaluation"][key] for key in ("adjust_for", "relate_to", "k", "alpha")
            },
        },
        library=library("evaluation.contrasts"),
    script:
        "../workflow_scripts/compare_groups.py"


rule gather_scans:
    """One row per scan with all its results and covariates."""
    input:
        unpack(scan_tables),
    output:
        SCANS,
    log:
        "<results>/logs/gather_scans.log",
    benchmark:
        "<results>/benchmarks/gather_scans.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings={"methods": METHODS, "k": config["evaluation"]["k"]},
        library=library("evaluation.scans"),
    script:
        "../workflow_scripts/gather_scans.py"


use rule analyse_scores as analyse_external_scores with:
    input:
        **{table: f"<results>/evaluation/external/{table}.tsv" for table in SCORE_TABLES},
        **CALIBRATION,
    output:
        **{table: f"<results>/evaluation/external/{table}.tsv" for table in EXTERNAL_ANALYSES},
        sidecar="<results>/evaluation/external/summary.json",
    log:
        "<results>/logs/analyse_external_scores.log",
    benchmark:
        "<results>/benchmarks/analyse_external_scores.tsv"
