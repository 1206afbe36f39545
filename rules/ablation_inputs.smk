"""What the rules of the ablations ask: their variants, the models these train anew, and where files lie."""

from myelosketch.errors import InputError
from myelosketch.learning.ladder import starts_of
from myelosketch.learning.predict import needed_models
from myelosketch.learning.variants import changed_models, variant_training


def held_out(fold):
    """Scans that a fold holds out."""
    return [scan for scan in INTERNAL if FOLD[scan] == int(fold)]


def ablation_variants(*, check):
    """Training and seed of every variant of the ablations that is to run; ``check`` them like the configuration."""
    settings = config["ablations"]
    strangers = set(settings["run"]) - set(settings["variants"])
    if strangers:
        raise InputError(f"ablations.run names {min(strangers)}, no key of ablations.variants.")
    if not set(settings["folds"]) <= set(CROSS_VALIDATION):
        raise InputError(
            f"ablations.folds is {settings['folds']}, but the folds are {CROSS_VALIDATION}."
        )
    variants = {}
    for name in settings["run"] or settings["variants"]:
        changes = settings["variants"][name]
        training, seed = variant_training(config["training"], config["seed"], changes, name=name)
        if check:
            check_variant(name, training, seed)
        variants[name] = training, seed
    return variants


def check_variant(name, training, seed):
    """What the configuration would be told, told of a variant."""
    try:
        check_config(config | {"training": training, "seed": seed}, CONFIG_SCHEMA)
        for method in GANS:
            check_settings(method, training)
    except MyelosketchError as error:
        raise InputError(f"Of the ablation {name}: {error}") from None


def changed_in(variants):
    """Models that each variant trains anew; what it leaves as configured is not trained twice."""
    configured = config["training"], config["seed"]
    changed = {
        name: changed_models(GANS, configured, variant, NETWORK_SETTINGS)
        for name, variant in variants.items()
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


def ablation_models(variant, fold, methods):
    """Weights and cards of all models that a prediction by ``methods`` of a variant reads."""
    needed = needed_models(methods, starts_of(VARIANTS[variant][0]))
    own = ABLATION_FOLDER.format(variant=variant, fold=fold)
    configured = MODEL_FOLDER.format(fold=fold)
    folders = [f"{own if name in CHANGED[variant] else configured}/{name}" for name in needed]
    return [f"{folder}/model.{kind}" for folder in folders for kind in ("safetensors", "json")]


def ablation_starts(wildcards):
    """Input function: the models that a model of a variant starts from."""
    models = ablation_models(wildcards.variant, wildcards.fold, [wildcards.method])
    return models[:-2]  # without the one to be trained


def ablation_tables(variant):
    """Scores of a variant, fold after fold."""
    return [
        f"{ABLATION_FOLDER}/{table}.tsv".format(variant=variant, fold=fold)
        for fold in ABLATED_FOLDS
        for table in COMPARED_TABLES
    ]


def ablation_cards(variant):
    """Cards of the scored models of a variant, fold after fold."""
    return [
        f"{ABLATION_FOLDER}/{method}/model.json".format(variant=variant, fold=fold)
        for fold in ABLATED_FOLDS
        for method in scored_methods(variant)
    ]
