"""Floor 4: the models of every fold, fitted on its training scans alone."""

from myelosketch.learning.data import TRAINING_FILES

MODEL_FOLDER = "results/training/fold-{fold}"
PACK = "results/training/scans/fold-{fold}.safetensors"
# what every network method reads of the configuration; each adds its own section
NETWORK_SETTINGS = (
    "inputs",
    "precision",
    "validation",
    "crop",
    "batch",
    "steps_per_epoch",
    "flips",
    "schedule",
    "ema",
    "beta1",
    "adversarial",
    "generator",
    "discriminator",
)
MODELS = expand(f"{MODEL_FOLDER}/{{method}}/model.safetensors", fold=FOLD_IDS, method=METHODS)


rule pack_fold:
    """The scans that a fold holds out as every training of the other folds sees them, cut to the brain, in one file."""
    input:
        unpack(files_to_pack),
        checks=lambda wildcards: checks_of(held_out(wildcards.fold), "json"),
    output:
        PACK,
    log:
        "results/logs/pack_fold/{fold}.log",
    benchmark:
        "results/benchmarks/pack_fold/{fold}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        scans=lambda wildcards: held_out(wildcards.fold),
        library=library("learning.packs", "imaging.quality_verdicts"),
    script:
        "../workflow_scripts/pack_fold.py"


rule fit_template:
    """Mean DVR of the fold's training controls in MNI152 space."""
    input:
        unpack(control_files),
    output:
        weights=f"{MODEL_FOLDER}/template/model.safetensors",
        card=f"{MODEL_FOLDER}/template/model.json",
    log:
        "results/logs/fit_template/fold-{fold}.log",
    benchmark:
        "results/benchmarks/fit_template/fold-{fold}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        controls=lambda wildcards: train_controls(wildcards.fold),
        smoothing_mm=config["training"]["template"]["smoothing_mm"],
        library=library("learning.template"),
    script:
        "../workflow_scripts/fit_template.py"


rule fit_ridge:
    """The stronger of two linear models of the fold's training scans, chosen on an inner split."""
    input:
        scans=training_packs,
    output:
        weights=f"{MODEL_FOLDER}/ridge/model.safetensors",
        card=f"{MODEL_FOLDER}/ridge/model.json",
    log:
        "results/logs/fit_ridge/fold-{fold}.log",
    benchmark:
        "results/benchmarks/fit_ridge/fold-{fold}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        scans=lambda wildcards: train_scans(wildcards.fold),
        alphas=config["training"]["ridge"]["alphas"],
        splits=config["training"]["ridge"]["splits"],
        inputs=config["training"]["inputs"],
        library=library("learning.ridge", "learning.packs"),
    script:
        "../workflow_scripts/fit_ridge.py"


rule train_sketcher:
    """Sketcher: cGAN from the MRI maps to the DVR map, with the L1 over the brain (Eq. 2 and 4)."""
    input:
        scans=training_packs,
    output:
        weights=f"{MODEL_FOLDER}/sketcher/model.safetensors",
        card=f"{MODEL_FOLDER}/sketcher/model.json",
        history=f"{MODEL_FOLDER}/sketcher/history.tsv",
    log:
        "results/logs/train_sketcher/fold-{fold}.log",
    benchmark:
        "results/benchmarks/train_sketcher/fold-{fold}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=gpus_of_a_training,
        mem_mb=config["training"]["mem_mb"],
        runtime=config["training"]["runtime"],
    params:
        scans=lambda wildcards: train_scans(wildcards.fold),
        settings=network_settings("sketcher"),
        seed=config["seed"],
        library=library("learning.training", "learning.packs"),
    script:
        "../workflow_scripts/train_sketcher.py"


rule train_refiner:
    """Refiner: cGAN from the maps and the frozen sketch, with the region-weighted L1 (Eq. 3 and 5)."""
    input:
        scans=training_packs,
        sketcher=f"{MODEL_FOLDER}/sketcher/model.safetensors",
        sketcher_card=f"{MODEL_FOLDER}/sketcher/model.json",
    output:
        weights=f"{MODEL_FOLDER}/refiner/model.safetensors",
        card=f"{MODEL_FOLDER}/refiner/model.json",
        history=f"{MODEL_FOLDER}/refiner/history.tsv",
    log:
        "results/logs/train_refiner/fold-{fold}.log",
    benchmark:
        "results/benchmarks/train_refiner/fold-{fold}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=gpus_of_a_training,
        mem_mb=config["training"]["mem_mb"],
        runtime=config["training"]["runtime"],
    params:
        scans=lambda wildcards: train_scans(wildcards.fold),
        settings=network_settings("refiner"),
        seed=config["seed"],
        library=library("learning.training", "learning.packs"),
    script:
        "../workflow_scripts/train_refiner.py"


rule train_comparison:
    """A network without a discriminator that the sketcher and the refiner are compared with."""
    input:
        scans=training_packs,
    output:
        weights=f"{MODEL_FOLDER}/{{method}}/model.safetensors",
        card=f"{MODEL_FOLDER}/{{method}}/model.json",
        history=f"{MODEL_FOLDER}/{{method}}/history.tsv",
    log:
        "results/logs/train_comparison/fold-{fold}_{method}.log",
    benchmark:
        "results/benchmarks/train_comparison/fold-{fold}_{method}.tsv"
    wildcard_constraints:
        method="dnn2|unet|unetroi",
    conda:
        "../envs/learning.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=gpus_of_a_training,
        mem_mb=config["training"]["mem_mb"],
        runtime=config["training"]["runtime"],
    params:
        scans=lambda wildcards: train_scans(wildcards.fold),
        settings=lambda wildcards: network_settings(wildcards.method),
        seed=config["seed"],
        library=library("learning.training", "learning.packs"),
    script:
        "../workflow_scripts/train_comparison.py"
