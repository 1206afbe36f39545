"""New scans, predicted by a trained model from MRI alone: maps, numbers with intervals, a page for each."""

from myelosketch.cohort.folds import EXTERNAL_FOLD
from myelosketch.prediction.gather import write_failures


include: "new_patients_inputs.smk"


SITES = f"{RESULTS}/prediction/sites/{{site}}.json"
PREDICTIONS = f"{RESULTS}/predictions.tsv"
# the same maps in the spaces of the T1w image and of the template
ELSEWHERE = {
    key: derivative(key, method=METHOD)
    for key in ("predicted_t1w", "demyelinated_t1w", "predicted_mni", "demyelinated_mni")
}
NEW_PATIENTS = [
    PREDICTIONS,
    f"{RESULTS}/predictions.html",
    *[NUMBERS.format(folder=names.folder_of(scan), scan=scan) for scan in COHORT.scans],
    *[f"{RESULTS}/patients/{scan}.html" for scan in COHORT.scans],
    *[
        path.format(folder=names.folder_of(scan), scan=scan)
        for scan in COHORT.scans
        for path in ELSEWHERE.values()
    ],
    # if there is a PET too, the prediction is scored
    *EXTERNAL_TABLES,
    # if a participant has several sessions
    *CHANGE,
    # if the configuration names label images
    *REGION_TABLES,
]
EVERYTHING = [*COHORT_TABLES, *DESCRIBED, *QUALITY[:2], *NEW_PATIENTS]


localrules:
    predict,


rule predict:
    """New scans by a trained model: DVR maps, demyelinated share, intervals, a table and a page for each."""
    input:
        EVERYTHING,


rule check_model:
    """Check that the configured model is complete, unaltered, and trained on maps prepared as these will be."""
    input:
        MODEL_FILE,
    output:
        facts=MODEL_FACTS,
        readme="<results>/prediction/model.md",
    log:
        "<results>/logs/check_model.log",
    benchmark:
        "<results>/benchmarks/check_model.tsv"
    # a refusal stays the same when the job is retried
    retries: 0
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        settings={
            "registration": {"pet_fwhm_mm": config["registration"]["pet_fwhm_mm"]},
            "regions": config["regions"],
            "evaluation": {
                key: config["evaluation"][key]
                for key in ("k", "min_lesion_mm3", "lesion_sizes_mm3")
            },
            "prediction": {"flips": config["prediction"]["flips"]},
            "reporting": {"method": METHOD},
        },
        library=library("prediction.model_check"),
    script:
        "../workflow_scripts/check_model.py"


rule measure_site:
    """White matter of the healthy controls of a site, used to adjust its maps to the model's sites."""
    input:
        unpack(controls_of_site),
    output:
        SITES,
    log:
        "<results>/logs/measure_site/{site}.log",
    benchmark:
        "<results>/benchmarks/measure_site/{site}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        name=lambda wildcards: "" if wildcards.site == UNNAMED_SITE else wildcards.site,
        library=library("learning.harmonisation"),
    script:
        "../workflow_scripts/measure_site.py"


rule predict_new_scan:
    """DVR as the mean of the models of all folds, demyelinated voxels, and numbers with intervals and a verdict."""
    input:
        **derivatives("mtr", "fa", "rd", "ad", "regions", "fractions"),
        model=MODEL_FILE,
        facts=MODEL_FACTS,
        quality=f"{CHECK}.json",
        inspection=INSPECTION,
        harmonisation=site_input,
    output:
        **NEW_MAPS,
        numbers=NUMBERS,
        written_beside=beside(NEW_MAPS.values()),
    log:
        "<results>/logs/predict_new_scan/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/predict_new_scan/{folder}/{scan}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        group=lambda wildcards: COHORT.group[wildcards.scan],
        site=lambda wildcards: COHORT.rows[wildcards.scan]["site"],
        level=config["prediction"]["level"],
        accept=lambda wildcards: accepted_of(wildcards.scan),
        limits=config["registration"]["quality"],
        library=library("prediction.new_scan"),
    script:
        "../workflow_scripts/predict_new_scan.py"


rule place_scan:
    """The predicted DVR and the demyelinated voxels of a scan in T1w and MNI152 space, one interpolation each."""
    input:
        **derivatives("t1w", "xfm_t1w_to_petref", "xfm_t1w_to_mni", *WARP_MNI),
        predicted=NEW_MAPS["predicted"],
        demyelinated=NEW_MAPS["demyelinated"],
    output:
        **ELSEWHERE,
        written_beside=beside(ELSEWHERE.values()),
    log:
        "<results>/logs/place_scan/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/place_scan/{folder}/{scan}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        library=library("evaluation.standard_space"),
    script:
        "../workflow_scripts/place_scan.py"


rule gather_predictions:
    """One row per new scan: verdict, demyelinated share, regions, intervals; and the scans left out, with reasons."""
    input:
        numbers=[NUMBERS.format(folder=names.folder_of(scan), scan=scan) for scan in COHORT.scans],
    output:
        PREDICTIONS,
        columns="<results>/predictions.json",
    log:
        "<results>/logs/gather_predictions.log",
    benchmark:
        "<results>/benchmarks/gather_predictions.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        excluded=COHORT.excluded.to_dict("records"),
        library=library("prediction.gather"),
    script:
        "../workflow_scripts/gather_predictions.py"


rule write_new_patient_page:
    """The page of a new patient: verdict, numbers with intervals, slices of every map, quality control."""
    input:
        unpack(page_input),
        templates=templates("macros", "new_patient"),
    output:
        "<results>/patients/{scan}.html",
    log:
        "<results>/logs/write_new_patient_page/{scan}.log",
    benchmark:
        "<results>/benchmarks/write_new_patient_page/{scan}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        method=METHOD,
        colours=config["reporting"]["agreement_colours"],
        library=library("reporting.pages.new_patient", "reporting.tables.change"),
    script:
        "../workflow_scripts/write_new_patient_page.py"


rule write_predictions_page:
    """All new scans on one page, with links to the page of each; and scores, if there is a PET too."""
    input:
        numbers=[NUMBERS.format(folder=names.folder_of(scan), scan=scan) for scan in COHORT.scans],
        pages=[f"{RESULTS}/patients/{scan}.html" for scan in COHORT.scans],
        table=PREDICTIONS,
        scores=[path for path in EXTERNAL_TABLES if Path(path).stem in ("summary", "coverage")],
        templates=templates("macros", "predictions"),
    output:
        "<results>/predictions.html",
    log:
        "<results>/logs/write_predictions_page.log",
    benchmark:
        "<results>/benchmarks/write_predictions_page.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        scans=COHORT.scans,
        method=METHOD,
        k=config["evaluation"]["k"],
        library=library("reporting.pages.predictions"),
    script:
        "../workflow_scripts/write_predictions_page.py"


rule take_reference:
    """The model's healthy white matter and held-out errors, to score scans that have a PET."""
    input:
        MODEL_FILE,
    output:
        **{key: path.format(fold=EXTERNAL_FOLD) for key, path in REFERENCE.items()},
        residuals=RESIDUALS,
        written_beside=beside(path.format(fold=EXTERNAL_FOLD) for path in REFERENCE.values()),
    log:
        "<results>/logs/take_reference.log",
    benchmark:
        "<results>/benchmarks/take_reference.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        library=library("prediction.healthy"),
    script:
        "../workflow_scripts/take_reference.py"


onerror:
    say_killed(log, logger.error)  # this handler replaces that of common.smk
    # failed scans have no numbers: the table says why, and is written again when they succeed
    write_failures(
        PREDICTIONS,
        folder=RESULTS,
        scans=COHORT.scans,
        excluded=COHORT.excluded.to_dict("records"),
    )
