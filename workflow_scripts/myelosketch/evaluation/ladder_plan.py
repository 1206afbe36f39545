"""Plan of the ladder study: its worlds as configurations of the workflow, the scored scans, and the model folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from myelosketch.cohort.config import check_config, overlaid
from myelosketch.cohort.folds import EXTERNAL_FOLD
from myelosketch.errors import InputError, MyelosketchError
from myelosketch.evaluation.ladder_scores import ATTAINABLE, ATTAINABLE_NETWORK
from myelosketch.io import names
from myelosketch.learning.ladder import NETWORK_METHODS, needed_models
from myelosketch.simulation.cohort import participants, truth_files
from myelosketch.simulation.sites import SAME_SITE

# name of the scores that do not depend on the training seed, next to the scores of each seed
ONCE = "once"
# the one key of a world that is not a key of the simulation
LEARNED_FROM = "training_participants"
# keys that only the study may set
_OWN = (
    *("seed", "folds", "cohort", "prediction.model", "training.methods"),
    *("simulation.n_patients", "simulation.n_controls", "simulation.external"),
)


@dataclass(frozen=True)
class LadderStudy:
    """What the study simulates, trains and scores.

    ``results`` is the folder of the study. ``worlds`` maps a name to a configuration of the workflow. ``methods`` are
    scored. ``seeds`` are the training seeds, that of the cohort first. No method learns from the scans of ``scored``
    and ``attainable``: all methods are scored on the patients of ``scored``, and the ceiling `ATTAINABLE` learns from
    those of ``attainable`` (if empty, there is no such row). The others are compared with the method ``reference``.
    """

    results: str
    worlds: dict[str, dict[str, Any]]
    methods: list[str]
    seeds: list[int]
    scored: list[str]
    attainable: list[str]
    reference: str

    @property
    def ceilings(self) -> list[str]:
        """Ceilings of the study, list of str."""
        return [*names.CEILINGS, *([ATTAINABLE] if self.attainable else [])]

    @cached_property
    def seeded(self) -> list[str]:
        """Methods that depend on the training seed, list of str."""
        return [method for method in self.methods if method in NETWORK_METHODS]

    @cached_property
    def sources(self) -> list[str]:
        """Parts of a world's scores, one per seed and `ONCE`: list of str."""
        return [*(f"seed-{seed}" for seed in self.seeds if self.seeded), ONCE]

    def scored_methods(self, source: str) -> list[str]:
        """Return the methods in a part of a world's scores, without ceilings: list of str."""
        return [method for method in self.methods if (method in self.seeded) != (source == ONCE)]

    def folder(self, world: str) -> str:
        """Return the folder of a world, which is the results folder of its workflow."""
        return f"{self.results}/{world}"

    def model_folder(self, world: str, method: str, seed: int | str) -> str:
        """Return the model folder of a method and seed. Models that need no seed are in the folder of the first."""
        if method not in NETWORK_METHODS or int(seed) == self.seeds[0]:
            return f"{self.folder(world)}/training/fold-{EXTERNAL_FOLD}/{method}"
        return f"{self.folder(world)}/seeds/seed-{seed}/fold-{EXTERNAL_FOLD}/{method}"

    def attainable_folder(self, world: str) -> str:
        """Return the model folder of the ceiling `ATTAINABLE`."""
        return f"{self.folder(world)}/{ATTAINABLE}/fold-{EXTERNAL_FOLD}/{ATTAINABLE_NETWORK}"

    def models(self, world: str, methods: Iterable[str], seed: int | str) -> list[str]:
        """Return the weights and cards of all models that a prediction by some methods reads: list of paths."""
        folders = [self.model_folder(world, method, seed) for method in needed_models(methods)]
        return [f"{folder}/model.{kind}" for folder in folders for kind in ("safetensors", "json")]

    def models_of(self, world: str, source: str) -> list[str]:
        """Return the weights and cards for a part of a world's scores: list of paths."""
        if source != ONCE:
            return self.models(world, self.scored_methods(source), source.removeprefix("seed-"))
        found = self.models(world, self.scored_methods(ONCE), self.seeds[0])
        own = self.attainable_folder(world)
        kinds = ("safetensors", "json") if self.attainable else ()
        return found + [f"{own}/model.{kind}" for kind in kinds]

    def sketcher(self, world: str, method: str, seed: int | str) -> list[str]:
        """Return weights and card of the sketcher from which a training run of ``method`` starts: list of paths."""
        return self.models(world, needed_models([method])[:-1], seed)

    def files(self, world: str, scans: Iterable[str], keys: Iterable[str]) -> dict[str, list[str]]:
        """Return derivatives of some scans: per key, one path per scan."""
        return {key: [names.path(self.folder(world), key, scan=scan) for scan in scans] for key in keys}

    def truth(self, world: str, scans: Iterable[str], which: Iterable[str]) -> dict[str, list[str]]:
        """Return maps of the truth of some scans: per name, one path per scan."""
        found = [truth_files(f"{self.folder(world)}/simulated", names.subject_of(scan)) for scan in scans]
        return {name: [of_scan[name] for of_scan in found] for name in which}

    def checks(self, world: str, scans: Iterable[str]) -> list[str]:
        """Return the registration measurements of some scans: list of paths."""
        return [names.registration_numbers(self.folder(world), scan) for scan in scans]


def plan_ladder(settings: Mapping[str, Any], results: str, schema: str | Path) -> LadderStudy:
    """Check the settings of the study and plan it.

    Parameters
    ----------
    settings : dict, section ``ladder`` of the study
    results : str, folder of the study
    schema : path of the schema of the workflow's configuration

    Returns
    -------
    LadderStudy

    Raises
    ------
    InputError : the workflow does not accept the settings of a world, a world sets a key that only the study may set,
        a method or the reference is unknown, or there is no world
    """
    strangers = set(settings["run"]) - set(settings["worlds"])
    if strangers or not settings["worlds"]:
        named = f"names {min(strangers)}, which is not a key of" if strangers else "finds no world in"
        raise InputError(f"ladder.run {named} ladder.worlds: add the world there.")
    _refuse_own(settings["workflow"], "ladder.workflow")
    methods = [name for name in names.METHODS if name in settings["methods"] or not settings["methods"]]
    unknown = set(settings["methods"]) - set(names.METHODS)
    if unknown:
        raise InputError(f"ladder.methods names {min(unknown)}; expected some of {', '.join(names.METHODS)}.")
    if settings["reference"] not in methods:
        raise InputError(
            f"ladder.reference is {settings['reference']!r}; expected one of the methods {', '.join(methods)}."
        )
    worlds = {name: _world(name, settings, methods, schema) for name in settings["run"] or settings["worlds"]}
    people = _further_people(settings)
    return LadderStudy(
        results,
        worlds,
        methods,
        list(dict.fromkeys([settings["seed"], *settings["further_seeds"]])),
        people[: settings["scored_patients"]],
        people[settings["scored_patients"] :],
        settings["reference"],
    )


def _further_people(settings: Mapping[str, Any]) -> list[str]:
    """Return the scans that no method learns from: the scored patients, then those of the ceiling."""
    many = settings["attainable"]
    n_patients = settings["scored_patients"] + many["patients"]
    people = participants(n_patients, many["controls"] if many["patients"] else 0, SAME_SITE)
    return [names.scan_name(subject) for subject in people.subject]


def _world(name: str, settings: Mapping[str, Any], methods: list[str], schema: str | Path) -> dict[str, Any]:
    """Return the configuration of the workflow in a world. Keys that the world does not set have their default."""
    people = _further_people(settings)
    n_patients = settings["scored_patients"] + settings["attainable"]["patients"]
    further = {"site": SAME_SITE, "n_patients": n_patients, "n_controls": len(people) - n_patients}
    differs = {key: value for key, value in settings["worlds"][name].items() if key != LEARNED_FROM}
    learned_from = learning_participants(settings, name)
    config = overlaid(settings["workflow"], {"simulation": differs})
    own = {
        "seed": settings["seed"],
        # the models of fold 0 learn from all participants except the additional ones
        "folds": {"n": 2},
        "simulation": {
            "n_patients": learned_from["MS"],
            "n_controls": learned_from["HC"],
            "external": further,
        },
        "training": {"methods": methods},
    }
    _refuse_own({"simulation": differs}, f"ladder.worlds.{name}")
    config = overlaid(config, own)
    try:
        check_config(config, schema)
    except MyelosketchError as error:
        raise InputError(f"World {name} of the ladder: {error}") from None
    return config


def learning_participants(settings: Mapping[str, Any], world: str) -> dict[str, int]:
    """Return the number of participants that methods learn from in a world, by group (MS, HC)."""
    return {**settings[LEARNED_FROM], **settings["worlds"][world].get(LEARNED_FROM, {})}


def _refuse_own(settings: Mapping[str, Any], where: str) -> None:
    """Raise an error if a world sets a key that only the study may set."""
    for key in _OWN:
        section, _, last = key.rpartition(".")
        if last in ((settings.get(section) or {}) if section else settings):
            raise InputError(
                f"{where} sets {key}, which the study sets itself: leave it out, and use the keys of ladder."
            )


def training_of(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section ``training`` of a world's configuration with the changes for the ceiling.

    Parameters
    ----------
    config : dict, with all defaults
    changes : dict, keys of ``training`` as deep as needed

    Returns
    -------
    dict
    """
    return overlaid(config["training"], changes)
