"""Ablations: variants of the training, which models each trains again, and where these lie."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myelosketch.cohort.config import check_config
from myelosketch.errors import InputError, MyelosketchError
from myelosketch.learning.checks import check_settings
from myelosketch.learning.ladder import CONFIGURED, needed_models, network_settings

if TYPE_CHECKING:
    from myelosketch.cohort.finished_run import FinishedRun

# the published method: what variants are of
ABLATED_METHODS = ("sketcher", "refiner")
# below the results folder
FOLDER = "ablations/{variant}/seed-{seed}/fold-{fold}"


@dataclass(frozen=True)
class Ablations:
    """What a study of ablations trains: every variant from every seed, in the compared folds.

    ``results`` folder of the results; ``trainings`` variant to its section ``training``, `CONFIGURED` first;
    ``changed`` variant to the models that it trains again; ``seeds`` the run's own first; ``folds`` compared ones.
    """

    results: str
    trainings: dict[str, dict[str, Any]]
    changed: dict[str, list[str]]
    seeds: list[int]
    folds: list[int]

    @property
    def trained(self) -> list[tuple[str, int]]:
        """What is trained: list of (variant, seed); the run itself is the first seed of `CONFIGURED`."""
        pairs = [(variant, seed) for seed in self.seeds for variant in self.trainings]
        return [pair for pair in pairs if pair != (CONFIGURED, self.seeds[0])]

    def scored(self, variant: str) -> list[str]:
        """Methods of a variant that are scored: list of str."""
        return [method for method in self.changed[variant] if method in ABLATED_METHODS]

    def model_folder(self, method: str, variant: str, seed: int | str, fold: int | str) -> str:
        """Folder of a model that a variant reads from a seed: its own, or the one of the configured training."""
        if method not in self.changed[variant]:
            variant = CONFIGURED
        if (variant, int(seed)) == (CONFIGURED, self.seeds[0]):
            return f"{self.results}/training/fold-{fold}/{method}"
        return f"{self.results}/{FOLDER}/{method}".format(variant=variant, seed=seed, fold=fold)

    def models(self, methods: Iterable[str], variant: str, seed: int | str, fold: int | str) -> list[str]:
        """Weights and cards of all models that a prediction by ``methods`` of a variant reads: list of paths."""
        folders = [self.model_folder(method, variant, seed, fold) for method in needed_models(methods)]
        return [f"{folder}/model.{kind}" for folder in folders for kind in ("safetensors", "json")]

    def sketcher(self, method: str, variant: str, seed: int | str, fold: int | str) -> list[str]:
        """Weights and card of the sketcher that a training of ``method`` starts from: list of paths."""
        return self.models(needed_models([method])[:-1], variant, seed, fold)

    def files(self, names: Callable[[str], Iterable[str]]) -> list[str]:
        """Files of all trained variants, seeds and compared folds.

        Parameters
        ----------
        names : function, variant -> names of the files below its folder

        Returns
        -------
        list of str
        """
        return [
            f"{self.results}/{FOLDER}/{name}".format(variant=variant, seed=seed, fold=fold)
            for variant, seed in self.trained
            for fold in self.folds
            for name in names(variant)
        ]


def plan_ablations(settings: Mapping[str, Any], run: FinishedRun, schema: str | Path) -> Ablations:
    """Check the settings of a study of ablations and plan its trainings.

    Parameters
    ----------
    settings : dict, section ``ablations`` of the study: ``folds``, ``run``, ``seeds``, ``variants``
    run : cohort.finished_run.FinishedRun
    schema : path of the schema of the run's configuration

    Returns
    -------
    Ablations

    Raises
    ------
    InputError : a variant that is unknown, changes nothing or cannot be trained, or a fold that the run does not have
    """
    strangers = set(settings["run"]) - set(settings["variants"])
    if strangers:
        raise InputError(f"ablations.run names {min(strangers)}, no key of ablations.variants.")
    if CONFIGURED in settings["variants"]:
        raise InputError(
            f"ablations.variants.{CONFIGURED} has the name of the training as configured: give it another."
        )
    if not set(settings["folds"]) <= set(run.cohort.cross_validation):
        raise InputError(
            f"ablations.folds is {settings['folds']}, but the folds are {run.cohort.cross_validation}."
        )
    training, seed = run.config["training"], run.config["seed"]
    methods = [method for method in ABLATED_METHODS if method in training["methods"]]
    variants = {
        name: variant_training(training, settings["variants"][name], name=name)
        for name in settings["run"] or settings["variants"]
    }
    for name, section in variants.items():
        _check_variant(name, section, run.config, methods, schema)
    changed = {name: changed_models(methods, training, section) for name, section in variants.items()}
    same = [name for name, models in changed.items() if not models]
    if same:
        raise InputError(
            f"The ablation {same[0]} changes neither sketcher nor refiner as they are configured: "
            "name the others in ablations.run."
        )
    return Ablations(
        run.results,
        {CONFIGURED: training} | variants,
        {CONFIGURED: needed_models(methods)} | changed,  # from a further seed every network is another one
        list(dict.fromkeys([seed, *settings["seeds"]])),
        settings["folds"] or run.cohort.cross_validation,
    )


def variant_training(training: dict[str, Any], changes: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """The section ``training`` of a variant.

    Parameters
    ----------
    training : dict, the configuration's section
    changes : dict, keys of ``training`` as deep as needed; what it does not say is taken from training
    name : of the variant, for messages

    Returns
    -------
    dict

    Raises
    ------
    InputError : a key that ``training`` does not have
    """
    return _merged(training, changes, f"ablations.variants.{name}")


def changed_models(
    methods: Iterable[str], configured: Mapping[str, Any], variant: Mapping[str, Any]
) -> list[str]:
    """Networks that a variant must train again: their settings differ, or those of the sketcher they start from.

    Parameters
    ----------
    methods : names of networks that are scored
    configured, variant : dict, section ``training`` of each

    Returns
    -------
    list of str, a sketcher before its refiner
    """

    def differs(method: str) -> bool:
        return network_settings(configured, method) != network_settings(variant, method)

    return [name for name in needed_models(methods) if any(map(differs, needed_models([name])))]


def _check_variant(
    name: str, training: dict[str, Any], config: dict[str, Any], methods: Iterable[str], schema: str | Path
) -> None:
    """What the configuration would be told, told of a variant."""
    try:
        check_config(config | {"training": training}, schema)
        for method in methods:
            check_settings(method, training)
    except MyelosketchError as error:
        raise InputError(f"Of the ablation {name}: {error}") from None


def _merged(settings: dict[str, Any], changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    merged = copy.deepcopy(settings)
    for key, value in changes.items():
        if key not in settings:
            raise InputError(f"{where}.{key} is no key of training; expected one of {', '.join(settings)}.")
        deeper = isinstance(settings[key], dict) and isinstance(value, dict)
        merged[key] = _merged(settings[key], value, f"{where}.{key}") if deeper else value
    return merged
