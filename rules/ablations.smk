"""Ablations, on request: what each part of the method is worth, by variants of its training (config ablations)."""

from myelosketch.learning.ladder import needed_models
from myelosketch.learning.predict import TRANSFORMS

ABLATION_FOLDER = f"{RESULTS}/ablations/{{variant}}/seed-{{seed}}/fold-{{fold}}"
ABLATED_FOLDS = config["ablations"]["folds"] or CROSS_VALIDATION
ABLATION_SEEDS = list(dict.fromkeys([config["seed"], *config["ablations"]["seeds"]]))
# variant -> its training, and the models that it trains anew
VARIANTS, CHANGED = {}, {}
try:
    VARIANTS = ablation_variants()
    CHANGED = changed_in(VARIANTS)
except MyelosketchError as error:
    raise WorkflowError(str(error)) from None
VARIANTS = {CONFIGURED: config["training"]} | VARIANTS
# from a further seed every network is another one
CHANGED[CONFIGURED] = needed_models(GANS)
# what is trained for the ablations: pairs of variant and seed
ABLATION_RUNS = [
    (variant, seed)
    for seed in ABLATION_SEEDS
    for variant in VARIANTS
    if (variant, seed) != (CONFIGURED, config["seed"])
]
# the configured scores that a variant stands beside, and its own
COMPARED_TABLES = ("voxelwise", "demyelination")
# what a prediction and its scores read of a held-out scan
ABLATION_FILES = ("mtr", "fa", "rd", "ad", "dvr", "regions", "fractions", *TRANSFORMS)
ABLATIONS = [f"{RESULTS}/ablations/ablations.tsv", *FIGURE_FILES["ablations"].values()]


use rule train_network as train_ablation with:
    input:
        scans=training_packs,
        sketcher=ablation_sketcher,
    output:
        weights=f"{ABLATION_FOLDER}/{{method}}/model.safetensors",
        card=f"{ABLATION_FOLDER}/{{method}}/model.json",
        history=f"{ABLATION_FOLDER}/{{method}}/history.tsv",
    log:
        "results/logs/train_ablation/{variant}_seed-{seed}_fold-{fold}_{method}.log",
    benchmark:
        "results/benchmarks/train_ablation/{variant}_seed-{seed}_fold-{fold}_{method}.tsv"
    wildcard_constraints:
        method="sketcher|refiner",
    params:
        scans=lambda wildcards: train_scans(wildcards.fold),
        settings=lambda wildcards: network_settings(wildcards.method, VARIANTS[wildcards.variant]),
        seed=lambda wildcards: int(wildcards.seed),
        library=library("learning.training", "learning.packs"),


rule score_ablation:
    """The held-out scans of a fold, predicted by a variant and scored; no map is kept."""
    input:
        **{key: path for key, path in REFERENCE.items()},
        images=lambda wildcards: all_of(held_out(wildcards.fold), *ABLATION_FILES),
        places=PLACES,
        models=lambda wildcards: ablation_models(
            wildcards.variant,
            wildcards.seed,
            wildcards.fold,
            scored_methods(wildcards.variant),
        ),
    output:
        **{table: f"{ABLATION_FOLDER}/{table}.tsv" for table in COMPARED_TABLES},
    log:
        "results/logs/score_ablation/{variant}_seed-{seed}_fold-{fold}.log",
    benchmark:
        "results/benchmarks/score_ablation/{variant}_seed-{seed}_fold-{fold}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        scans=lambda wildcards: [
            {
                "scan": scan,
                "subject": names.subject_of(scan),
                "group": GROUP[scan],
                "files": {key: derivative(key, scan) for key in ABLATION_FILES},
            }
            for scan in held_out(wildcards.fold)
        ],
        methods=lambda wildcards: scored_methods(wildcards.variant),
        settings={key: config["evaluation"][key] for key in SCAN_SETTINGS},
        regions={key: config["regions"][key] for key in ("threshold", "white_erosion_mm")},
        prediction=config["prediction"],
        library=library("evaluation.ablations"),
    script:
        "../workflow_scripts/score_ablation.py"


rule compare_ablations:
    """Every variant against the configured training, means over seeds, paired by subject."""
    input:
        **{f"configured_{table}": f"results/evaluation/{table}.tsv" for table in COMPARED_TABLES},
        tables=ablation_files("{table}.tsv", table=lambda variant: COMPARED_TABLES),
        cards=ablation_files("{method}/model.json", method=scored_methods),
    output:
        f"{RESULTS}/ablations/ablations.tsv",
    log:
        "results/logs/compare_ablations.log",
    benchmark:
        "results/benchmarks/compare_ablations.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **{key: config["evaluation"][key] for key in ("k", "bootstrap", "alpha")},
        seed=config["seed"],
        library=library("evaluation.ablations"),
    script:
        "../workflow_scripts/compare_ablations.py"


rule draw_ablations:
    """Differences of every variant to the configured training, with intervals."""
    input:
        ablations=f"{RESULTS}/ablations/ablations.tsv",
    output:
        **FIGURE_FILES["ablations"],
    log:
        "results/logs/draw_ablations.log",
    benchmark:
        "results/benchmarks/draw_ablations.tsv"
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
        library=library("reporting.ablation_figure"),
    script:
        "../workflow_scripts/draw_ablations.py"
