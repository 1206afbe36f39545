"""Floor 7: the simulated cohort measured against the literature, and its page."""

CALIBRATED = f"{RESULTS}/calibration"
MEASURED = f"{CALIBRATED}/participants/{{scan}}.npz"
SURVEYED = f"{CALIBRATED}/surveyed/{{patient}}.json"
MEASURED_TRUTH = ("poses", "rescan", "noisefree", "visible", "tissue", "lesions", "lesion_table")
CALIBRATION_FIGURES = ("histograms", "relation", "lesions", "risk", "ladder", "maps")
# patients of no cohort, for the statistics of lesions at 1 mm
SURVEY_PATIENTS = [f"L{n:02d}" for n in range(1, config["calibration"]["lesion_patients"] + 1)]
CALIBRATION = only_simulated(
    "calibration", [f"{CALIBRATED}/simulation.md", f"{CALIBRATED}/criteria.tsv"]
)


rule measure_participant:
    """One simulated participant's maps and truth on the PET grid, moved there by the true poses."""
    input:
        **{name: map_input(name) for name in DERIVED},
        **{name: scan_input(name) for name in ("T1w", "FLAIR", "lesion_mask")},
        **{f"truth_{name}": truth_input(name) for name in MEASURED_TRUTH},
    output:
        MEASURED,
    log:
        "results/logs/measure_participant/{scan}.log",
    benchmark:
        "results/benchmarks/measure_participant/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        **config["regions"],
        group=lambda wildcards: GROUP[wildcards.scan],
        library=library("calibration.measure"),
    script:
        "../workflow_scripts/measure_participant.py"


rule survey_lesions:
    """Lesions of one more patient at 1 mm with the measured load: volumes, shapes and places."""
    output:
        SURVEYED,
    log:
        "results/logs/survey_lesions/{patient}.log",
    benchmark:
        "results/benchmarks/survey_lesions/{patient}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=10,
    params:
        settings={"anatomy": config["simulation"]["anatomy"]},
        seed=config["seed"],
        library=library("calibration.lesion_survey", "simulation.lesions", "simulation.settings"),
    script:
        "../workflow_scripts/survey_lesions.py"


rule calibrate_tissue:
    """Values of every tissue against the literature, correlations of DVR, loads and kinds of lesion."""
    input:
        participants=expand(MEASURED, scan=INTERNAL),
        lesion_tables=[truth(scan, "lesion_table") for scan in PATIENTS],
    output:
        tissue=f"{CALIBRATED}/tissue.tsv",
        participants=f"{CALIBRATED}/tissue_participants.tsv",
        correlations=f"{CALIBRATED}/correlations.tsv",
        loads=f"{CALIBRATED}/loads.tsv",
        kinds=f"{CALIBRATED}/kinds.tsv",
    log:
        "results/logs/calibrate_tissue.log",
    benchmark:
        "results/benchmarks/calibrate_tissue.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=10,
    params:
        patients=[names.subject_of(scan) for scan in PATIENTS],
        library=library("calibration.steps", "calibration.tissue_table", "calibration.relations"),
    script:
        "../workflow_scripts/calibrate_tissue.py"


rule calibrate_lesions:
    """Lesions of the surveyed patients against the thirty measured ones."""
    input:
        surveyed=expand(SURVEYED, patient=SURVEY_PATIENTS),
    output:
        lesions=f"{CALIBRATED}/lesions.tsv",
    log:
        "results/logs/calibrate_lesions.log",
    benchmark:
        "results/benchmarks/calibrate_lesions.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        library=library("calibration.steps", "calibration.lesion_targets"),
    script:
        "../workflow_scripts/calibrate_lesions.py"


rule calibrate_prediction:
    """The ladder on true poses: template, linear models, and what the truth itself would reach."""
    input:
        participants=expand(MEASURED, scan=INTERNAL),
    output:
        ladder=f"{CALIBRATED}/ladder.tsv",
        fitted=f"{CALIBRATED}/ladder_fits.tsv",
        voxelwise=f"{CALIBRATED}/ladder_voxelwise.tsv",
        demyelination=f"{CALIBRATED}/ladder_demyelination.tsv",
        scored_lesions=f"{CALIBRATED}/ladder_lesions.tsv",
    log:
        "results/logs/calibrate_prediction.log",
    benchmark:
        "results/benchmarks/calibrate_prediction.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        folds={names.subject_of(scan): FOLD[scan] for scan in INTERNAL},
        settings={
            key: config["evaluation"][key] for key in ("k", "ks", "min_lesion_mm3", "dvr_range")
        }
        | config["training"]["ridge"]
        | config["training"]["template"],
        bootstrap=config["evaluation"]["bootstrap"],
        seed=config["seed"],
        alpha=config["evaluation"]["alpha"],
        library=library("calibration.steps", "calibration.prediction"),
    script:
        "../workflow_scripts/calibrate_prediction.py"


rule draw_calibration:
    """The page's figures: tissue values, lesions, correlation, ladder and three participants."""
    input:
        participants=expand(MEASURED, scan=INTERNAL),
        surveyed=expand(SURVEYED, patient=SURVEY_PATIENTS),
        ladder=f"{CALIBRATED}/ladder.tsv",
    output:
        **{
            f"{name}_{suffix}": f"{CALIBRATED}/simulation/{name}.{suffix}"
            for name in CALIBRATION_FIGURES
            for suffix in ("png", "svg", "tsv")
        },
    log:
        "results/logs/draw_calibration.log",
    benchmark:
        "results/benchmarks/draw_calibration.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=10,
    params:
        k=config["evaluation"]["k"],
        alpha=config["evaluation"]["alpha"],
        dpi=min(config["reporting"]["dpi"], 150),
        library=library(
            "calibration.steps",
            *(f"calibration.figure_{name}" for name in ("ladder", "lesions", "maps", "tissue")),
        ),
    script:
        "../workflow_scripts/draw_calibration.py"


rule write_calibration:
    """The page of the simulated cohort: model, parameters, truth, calibration, and every criterion missed."""
    input:
        **{
            name: f"{CALIBRATED}/{name}.tsv"
            for name in ("tissue", "correlations", "loads", "kinds", "lesions", "ladder")
        },
        demyelination=f"{CALIBRATED}/ladder_demyelination.tsv",
        figures=expand(f"{CALIBRATED}/simulation/{{figure}}.png", figure=CALIBRATION_FIGURES),
        template=own_file(LIBRARY / "myelosketch/calibration/simulation.md.j2"),
        config=own_file(Path(workflow.basedir) / "config.yaml"),
        simulator=sorted(
            own_file(path) for path in (LIBRARY / "myelosketch/simulation").glob("*.py")
        ),
    output:
        page=f"{CALIBRATED}/simulation.md",
        criteria=f"{CALIBRATED}/criteria.tsv",
    log:
        "results/logs/write_calibration.log",
    benchmark:
        "results/benchmarks/write_calibration.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        benchmarks="results/benchmarks",
        facts={
            "seed": config["seed"],
            "n_patients": len(PATIENTS),
            "n_controls": len(INTERNAL) - len(PATIENTS),
            "n_surveyed": len(SURVEY_PATIENTS),
            "k": config["evaluation"]["k"],
            "alpha": config["evaluation"]["alpha"],
            "settings": SIMULATION_SETTINGS,
        },
        library=library("calibration.page"),
    script:
        "../workflow_scripts/write_calibration.py"
