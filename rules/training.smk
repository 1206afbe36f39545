"""The models of every fold, fitted only on its training scans."""

from myelosketch.learning.ladder import BASELINE_METHODS, RECALIBRATED, fit_settings, recalibrated

MODELS = expand(
    f"{MODEL_FOLDER}/{{method}}/model.safetensors", fold=COHORT.fold_ids, method=METHODS
)

# harmonisation of a fold's maps, for a rule that fits a model in one step
HARMONISATION = {
    "harmonise": config["training"]["harmonise"],
    "controls": lambda wildcards: COHORT.train_controls(wildcards.fold),
    "sites": lambda wildcards: COHORT.train_sites(wildcards.fold, config["training"]["harmonise"]),
}


rule pack_fold:
    """The scans that a fold holds out, cropped to the brain, in one file for the training of the other folds."""
    input:
        unpack(files_to_pack),
        checks=lambda wildcards: checks_of(COHORT.held_out(wildcards.fold), "json"),
    output:
        PACK,
    log:
        "<results>/logs/pack_fold/fold-{fold}.log",
    benchmark:
        "<results>/benchmarks/pack_fold/fold-{fold}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        scans=lambda wildcards: COHORT.held_out(wildcards.fold),
        library=library("learning.packs", "imaging.registration.verdicts"),
    script:
        "../workflow_scripts/pack_fold.py"


rule fit_template:
    """Mean DVR of the fold's training controls in MNI152 space."""
    input:
        unpack(control_files),
        checks=lambda wildcards: checks_of(COHORT.train_controls(wildcards.fold), "json"),
    output:
        weights=f"{MODEL_FOLDER}/template/model.safetensors",
        card=f"{MODEL_FOLDER}/template/model.json",
    log:
        "<results>/logs/fit_template/fold-{fold}.log",
    benchmark:
        "<results>/benchmarks/fit_template/fold-{fold}.tsv"
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        controls=lambda wildcards: COHORT.train_controls(wildcards.fold),
        smoothing_mm=config["training"]["template"]["smoothing_mm"],
        library=library("learning.template", "imaging.registration.verdicts"),
    script:
        "../workflow_scripts/fit_template.py"


rule fit_baseline:
    """A method without network training: a linear model, boosted trees, or the level of the pretrained network."""
    input:
        scans=training_packs,
        pretrained=pretrained_of,
    output:
        weights=f"{MODEL_FOLDER}/{{method}}/model.safetensors",
        card=f"{MODEL_FOLDER}/{{method}}/model.json",
    log:
        "<results>/logs/fit_baseline/fold-{fold}_{method}.log",
    benchmark:
        "<results>/benchmarks/fit_baseline/fold-{fold}_{method}.tsv"
    wildcard_constraints:
        method="|".join(BASELINE_METHODS),
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        **HARMONISATION,
        scans=lambda wildcards: COHORT.train_scans(wildcards.fold),
        settings=lambda wildcards: fit_settings(config["training"], wildcards.method),
        # a different network gives a different model
        network=lambda wildcards: PRETRAINED_SHA256 if wildcards.method == TRANSFER else None,
        seed=config["seed"],
        library=library("learning.baselines", "learning.packs"),
    script:
        "../workflow_scripts/fit_baseline.py"


rule train_network:
    """A network: generator and discriminator of the sketcher or refiner, or one for comparison."""
    input:
        scans=training_packs,
        sketcher=sketcher_of,
    output:
        weights=f"{MODEL_FOLDER}/{{method}}/model.safetensors",
        card=f"{MODEL_FOLDER}/{{method}}/model.json",
        history=f"{MODEL_FOLDER}/{{method}}/history.tsv",
    log:
        "<results>/logs/train_network/fold-{fold}_{method}.log",
    benchmark:
        "<results>/benchmarks/train_network/fold-{fold}_{method}.tsv"
    wildcard_constraints:
        method="|".join(NETWORK_METHODS),
    conda:
        "../envs/learning.yaml"
    threads: config["training"]["threads"]
    resources:
        gpu=lambda wildcards: gpus_of_a_training(
            config["training"]["device"], local=workflow.local_exec
        ),
        mem_mb=config["training"]["mem_mb"],
        runtime=config["training"]["runtime"],
    params:
        scans=lambda wildcards: COHORT.train_scans(wildcards.fold),
        controls=lambda wildcards: COHORT.train_controls(wildcards.fold),
        sites=lambda wildcards: COHORT.train_sites(wildcards.fold, config["training"]["harmonise"]),
        settings=lambda wildcards: network_settings(config["training"], wildcards.method),
        seed=config["seed"],
        library=library("learning.training", "learning.packs"),
    script:
        "../workflow_scripts/train_network.py"


rule fit_recalibration:
    """Offset and slope per region of a method, from inner training runs that each hold out some of the training scans."""
    input:
        scans=training_packs,
        card=f"{MODEL_FOLDER}/{{base}}/model.json",
    output:
        weights=f"{MODEL_FOLDER}/{{base}}{RECALIBRATED}/model.safetensors",
        card=f"{MODEL_FOLDER}/{{base}}{RECALIBRATED}/model.json",
    log:
        "<results>/logs/fit_recalibration/fold-{fold}_{base}.log",
    benchmark:
        "<results>/benchmarks/fit_recalibration/fold-{fold}_{base}.tsv"
    wildcard_constraints:
        base="|".join(name for name in BASELINE_METHODS if recalibrated(name) in names.METHODS),
    conda:
        "../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        **HARMONISATION,
        scans=lambda wildcards: COHORT.train_scans(wildcards.fold),
        settings=lambda wildcards: fit_settings(config["training"], wildcards.base),
        flips=config["prediction"]["flips"],
        seed=config["seed"],
        library=library("learning.recalibration", "learning.packs"),
    script:
        "../workflow_scripts/fit_recalibration.py"


# inner training runs of a network need the same resources as a training; those of a refiner include its sketchers
use rule fit_recalibration as train_recalibration with:
    log:
        "<results>/logs/train_recalibration/fold-{fold}_{base}.log",
    benchmark:
        "<results>/benchmarks/train_recalibration/fold-{fold}_{base}.tsv"
    wildcard_constraints:
        base="|".join(NETWORK_METHODS),
    threads: config["training"]["threads"]
    resources:
        gpu=lambda wildcards: gpus_of_a_training(
            config["training"]["device"], local=workflow.local_exec
        ),
        mem_mb=config["training"]["mem_mb"],
        runtime=2 * config["training"]["runtime"],


rule fit_threshold:
    """Mean and SD of healthy white matter in the true PET of a fold's training controls."""
    input:
        unpack(control_files),
        checks=lambda wildcards: checks_of(COHORT.train_controls(wildcards.fold), "json"),
    output:
        **REFERENCE,
        written_beside=beside(REFERENCE.values()),
    log:
        "<results>/logs/fit_threshold/fold-{fold}.log",
    benchmark:
        "<results>/benchmarks/fit_threshold/fold-{fold}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        controls=lambda wildcards: COHORT.train_controls(wildcards.fold),
        fwhm_mm=config["evaluation"]["reference_fwhm_mm"],
        library=library("evaluation.demyelination", "imaging.registration.verdicts"),
    script:
        "../workflow_scripts/fit_threshold.py"
