"""Floor 6: the figures, from tables and stored maps only; here those of the paper (Wei et al. 2018)."""

from myelosketch.reporting.display import method_name

# the method of the figures that show one; a run without it shows the last of its methods
SHOWN_METHOD = config["reporting"]["method"]
if SHOWN_METHOD not in METHODS:
    SHOWN_METHOD = METHODS[-1]
PARTICIPANTS = {names.subject_of(scan): GROUP[scan] for scan in INTERNAL}
# stated by captions and titles
FACTS = {
    "simulated": IS_SIMULATED,
    "n_patients": list(PARTICIPANTS.values()).count("MS"),
    "n_controls": list(PARTICIPANTS.values()).count("HC"),
}
METHOD_FACTS = FACTS | {"method": SHOWN_METHOD, "method_name": method_name(SHOWN_METHOD)}
# figure -> its category in Snakemake's own report
CATEGORIES = {
    "registration_quality": "Registration",
    "registration_error": "Registration",
    "ladder": "Prediction ladder",
    "comparison": "Prediction ladder",
    "roc": "Prediction ladder",
    "calibration": "Prediction ladder",
    "sites": "Prediction ladder",
    "fig3_qualitative": "Paper's figures",
    "fig4a_groups": "Paper's figures",
    "fig4b_individuals": "Paper's figures",
    "fig5a_demyelinated_percentage": "Paper's figures",
    "fig5b_agreement": "Paper's figures",
    "bland_altman": "Lesions and patients",
    "lesion_means": "Lesions and patients",
    "lesion_agreement": "Lesions and patients",
    "sensitivity_k": "Sensitivity",
    "sensitivity_reference": "Sensitivity",
    "sensitivity_perilesional": "Sensitivity",
    "sensitivity_lesion_size": "Sensitivity",
    "training_curves": "Training",
}
DRAWN = {
    "training_curves": bool(TRAINED_NETWORKS),
    "registration_error": IS_SIMULATED,
    "sites": bool(EXTERNAL),
}
FIGURE_NAMES = [name for name in CATEGORIES if DRAWN.get(name, True)]
FIGURES = expand(
    "results/figures/{figure}.{suffix}", figure=FIGURE_NAMES, suffix=["png", "svg", "tsv"]
)
# outputs of each figure: PNG for reports, SVG for papers, and the numbers drawn
FIGURE_FILES = {
    name: {
        "png": report(
            f"results/figures/{name}.png", caption=f"captions/{name}.rst", category=category
        ),
        "svg": f"results/figures/{name}.svg",
        "tsv": f"results/figures/{name}.tsv",
    }
    for name, category in CATEGORIES.items()
}


rule draw_qualitative:
    """Figure 3: one patient's MRI maps, true and predicted DVR."""
    input:
        region_volumes=REGION_VOLUMES,
        images=all_of(PATIENTS, "mtr", "fa", "rd", "ad", "dvr", "regions", "predicted"),
    output:
        **FIGURE_FILES["fig3_qualitative"],
    log:
        "results/logs/draw_qualitative.log",
    benchmark:
        "results/benchmarks/draw_qualitative.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        **FACTS,
        scans=PATIENTS,
        methods=METHODS,
        example_patient=config["reporting"]["example_patient"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.qualitative_figure"),
    script:
        "../workflow_scripts/draw_qualitative.py"


rule draw_groups:
    """Figure 4A: mean DVR by region of interest."""
    input:
        regions="results/evaluation/regions.tsv",
    output:
        **FIGURE_FILES["fig4a_groups"],
    log:
        "results/logs/draw_groups.log",
    benchmark:
        "results/benchmarks/draw_groups.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **METHOD_FACTS,
        methods=METHODS,
        dpi=config["reporting"]["dpi"],
        library=library("reporting.regional_figures"),
    script:
        "../workflow_scripts/draw_groups.py"


rule draw_individuals:
    """Figure 4B: mean DVR of each participant."""
    input:
        regions="results/evaluation/regions.tsv",
    output:
        **FIGURE_FILES["fig4b_individuals"],
    log:
        "results/logs/draw_individuals.log",
    benchmark:
        "results/benchmarks/draw_individuals.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **METHOD_FACTS,
        dpi=config["reporting"]["dpi"],
        library=library("reporting.regional_figures"),
    script:
        "../workflow_scripts/draw_individuals.py"


rule draw_demyelinated_percentage:
    """Figure 5A: share of demyelinated lesion voxels of each patient."""
    input:
        demyelination="results/evaluation/demyelination.tsv",
    output:
        **FIGURE_FILES["fig5a_demyelinated_percentage"],
    log:
        "results/logs/draw_demyelinated_percentage.log",
    benchmark:
        "results/benchmarks/draw_demyelinated_percentage.tsv"
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
        library=library("reporting.demyelination_figure"),
    script:
        "../workflow_scripts/draw_demyelinated_percentage.py"


rule draw_agreement:
    """Figure 5B: lesion voxels on which true and predicted PET agree."""
    input:
        demyelination="results/evaluation/demyelination.tsv",
        images=all_of(PATIENTS, "dvr", "regions", "demyelinated"),
    output:
        **FIGURE_FILES["fig5b_agreement"],
    log:
        "results/logs/draw_agreement.log",
    benchmark:
        "results/benchmarks/draw_agreement.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        **METHOD_FACTS,
        scans=PATIENTS,
        k=config["evaluation"]["k"],
        agreement_colours=config["reporting"]["agreement_colours"],
        dpi=config["reporting"]["dpi"],
        library=library("reporting.agreement_figure"),
    script:
        "../workflow_scripts/draw_agreement.py"
