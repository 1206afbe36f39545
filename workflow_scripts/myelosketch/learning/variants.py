"""Plan of the ablations: variants of the training, the models that each retrains, and their folders."""

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

# the published method, which the variants change
ABLATED_METHODS = ("sketcher", "refiner")
# folder inside the results folder
FOLDER = "ablations/{variant}/seed-{seed}/fold-{fold}"


@dataclass(frozen=True)
class Ablations:
    """What an ablation study trains: every variant from every seed, in the compared folds.

    ``results`` is the results folder. ``trainings`` maps a variant to its section ``training``, `CONFIGURED` first.
    ``changed`` maps a variant to the models that it retrains. ``seeds`` starts with the seed of the run. ``folds``
    are the compared folds.
    """

    results: str
    trainings: dict[str, dict[str, Any]]
    changed: dict[str, list[str]]
    seeds: list[int]
    folds: list[int]

    @property
    def trained(self) -> list[tuple[str, int]]:
        """Training runs: list of (variant, seed), without the first seed of `CONFIGURED`, which is the run itself."""
        pairs = [(variant, seed) for seed in self.seeds for variant in self.trainings]
        return [pair for pair in pairs if pair != (CONFIGURED, self.seeds[0])]

    def scored(self, variant: str) -> list[str]:
        """Return the methods of a variant that are scored: list of str."""
        return [method for method in self.changed[variant] if method in ABLATED_METHODS]

    def model_folder(self, method: str, variant: str, seed: int | str, fold: int | str) -> str:
        """Return the folder of a model of a variant and seed: its own, or that of the configured training."""
        if method not in self.changed[variant]:
            variant = CONFIGURED
        if (variant, int(seed)) == (CONFIGURED, self.seeds[0]):
            return f"{self.results}/training/fold-{fold}/{method}"
        return f"{self.results}/{FOLDER}/{method}".format(variant=variant, seed=seed, fold=fold)

    def models(self, methods: Iterable[str], variant: str, seed: int | str, fold: int | str) -> list[str]:
        """Return weights and cards of all models that a prediction by a variant's methods reads: list of paths."""
        folders = [self.model_folder(method, variant, seed, fold) for method in needed_models(methods)]
        return [f"{folder}/model.{kind}" for folder in folders for kind in ("safetensors", "json")]

    def sketcher(self, method: str, variant: str, seed: int | str, fold: int | str) -> list[str]:
        """Return weights and card of the sketcher from which a training run of ``method`` starts: list of paths."""
        return self.models(needed_models([method])[:-1], variant, seed, fold)

    def files(self, names: Callable[[str], Iterable[str]]) -> list[str]:
        """Return the files of all trained variants, seeds and compared folds.

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
    """Check the settings of an ablation study and plan its training runs.

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
    InputError : a variant is unknown, changes nothing or cannot be trained, or the run lacks a fold
    """
    strangers = set(settings["run"]) - set(settings["variants"])
    if strangers:
        raise InputError(f"ablations.run names {min(strangers)}, which is not a key of ablations.variants.")
    if CONFIGURED in settings["variants"]:
        raise InputError(
            f"ablations.variants.{CONFIGURED} has the reserved name of the configured training: choose another name."
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
            f"The ablation {same[0]} does not change the configured sketcher or refiner: "
            "list only the other ablations in ablations.run."
        )
    return Ablations(
        run.results,
        {CONFIGURED: training} | variants,
        {CONFIGURED: needed_models(methods)} | changed,  # another seed changes every network
        list(dict.fromkeys([seed, *settings["seeds"]])),
        settings["folds"] or run.cohort.cross_validation,
    )


def variant_training(training: dict[str, Any], changes: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Return the section ``training`` of a variant.

    Parameters
    ----------
    training : dict, the configuration's section
    changes : dict, keys of ``training`` as deep as needed; other keys are taken from training
    name : of the variant, for messages

    Returns
    -------
    dict

    Raises
    ------
    InputError : ``training`` does not have a key
    """
    return _merged(training, changes, f"ablations.variants.{name}")


def changed_models(
    methods: Iterable[str], configured: Mapping[str, Any], variant: Mapping[str, Any]
) -> list[str]:
    """Return the networks that a variant must retrain: their settings, or those of their sketcher, differ.

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
    """Apply the checks of the configuration to a variant."""
    try:
        check_config(config | {"training": training}, schema)
        for method in methods:
            check_settings(method, training)
    except MyelosketchError as error:
        raise InputError(f"Ablation {name}: {error}") from None


def _merged(settings: dict[str, Any], changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    merged = copy.deepcopy(settings)
    for key, value in changes.items():
        if key not in settings:
            raise InputError(
                f"{where}.{key} is not a key of training; expected one of {', '.join(settings)}."
            )
        deeper = isinstance(settings[key], dict) and isinstance(value, dict)
        merged[key] = _merged(settings[key], value, f"{where}.{key}") if deeper else value
    return merged
