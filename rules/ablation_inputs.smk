"""What the rules of the ablations ask: their variants, the models these train anew, and where files lie."""

from myelosketch.errors import InputError
from myelosketch.learning.ladder import needed_models
from myelosketch.learning.variants import CONFIGURED, changed_models, variant_training


def ablation_variants():
    """Training of every variant of the ablations that is to run, checked like the configuration."""
    settings = config["ablations"]
    strangers = set(settings["run"]) - set(settings["variants"])
    if strangers:
        raise InputError(f"ablations.run names {min(strangers)}, no key of ablations.variants.")
    if CONFIGURED in settings["variants"]:
        raise InputError(
            f"ablations.variants.{CONFIGURED} has the name of the training as configured: give it another."
        )
    if not set(settings["folds"]) <= set(CROSS_VALIDATION):
        raise InputError(
            f"ablations.folds is {settings['folds']}, but the folds are {CROSS_VALIDATION}."
        )
    variants = {}
    for name in settings["run"] or settings["variants"]:
        variants[name] = variant_training(config["training"], settings["variants"][name], name=name)
        check_variant(name, variants[name])
    return variants


def check_variant(name, training):
    """What the configuration would be told, told of a variant."""
    try:
        check_config(config | {"training": training}, CONFIG_SCHEMA)
        for method in GANS:
            check_settings(method, training)
    except MyelosketchError as error:
        raise InputError(f"Of the ablation {name}: {error}") from None


def changed_in(variants):
    """Models that each variant trains anew; what it leaves as configured is not trained twice."""
    changed = {
        name: changed_models(GANS, config["training"], training, NETWORK_SETTINGS)
        for name, training in variants.items()
    }
    same = [name for name, models in changed.items() if not models]
    if same:
        raise InputError(
            f"The ablation {same[0]} changes neither sketcher nor refiner as they are configured: "
            "name the others in ablations.run."
        )
    return changed


def scored_methods(variant):
    """Methods of a variant that are scored."""
    return [method for method in CHANGED[variant] if method in GANS]


def ablation_model(method, variant, seed, fold):
    """Folder of a model that a variant reads from a seed: its own, or what it shares with the configured training."""
    if method in CHANGED[variant]:
        return f"{ABLATION_FOLDER}/{method}".format(variant=variant, seed=seed, fold=fold)
    if int(seed) == config["seed"]:
        return f"{MODEL_FOLDER}/{method}".format(fold=fold)
    return ablation_model(method, CONFIGURED, seed, fold)


def ablation_models(variant, seed, fold, methods):
    """Weights and cards of all models that a prediction by ``methods`` of a variant reads."""
    folders = [ablation_model(method, variant, seed, fold) for method in needed_models(methods)]
    return [f"{folder}/model.{kind}" for folder in folders for kind in ("safetensors", "json")]


def ablation_sketcher(wildcards):
    """Input function: weights and card of the sketcher that a refiner of a variant starts from."""
    models = ablation_models(wildcards.variant, wildcards.seed, wildcards.fold, [wildcards.method])
    return models[:-2]  # without the one to be trained


def ablation_files(pattern, **options):
    """Files below the folders of all variants, seeds and compared folds."""
    return [
        path
        for variant, seed in ABLATION_RUNS
        for path in expand(
            f"{ABLATION_FOLDER}/{pattern}",
            variant=variant,
            seed=seed,
            fold=ABLATED_FOLDS,
            **{key: choose(variant) for key, choose in options.items()},
        )
    ]
