"""The study of the ladder: its worlds as configurations of the workflow, who is scored, which model is whose."""

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

# scores of what no seed of the training shapes, beside those of each seed
ONCE = "once"
# the one key of a world that is none of the simulation's
LEARNED_FROM = "training_participants"
# keys that the study sets itself
_OWN = (
    *("seed", "folds", "cohort", "prediction.model", "training.methods"),
    *("simulation.n_patients", "simulation.n_controls", "simulation.external"),
)


@dataclass(frozen=True)
class LadderStudy:
    """What the study simulates, trains and scores.

    ``results`` folder of the study; ``worlds`` name to the configuration of the workflow there; ``methods`` scored
    ones; ``seeds`` of the trainings, the cohort's own first; ``scored`` and ``attainable`` scans that no method
    learns from: the patients that all are scored on, and those that the ceiling `ATTAINABLE` learns from (none: no
    such row); ``reference`` method that the others are compared with.
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
        """Rows that no method can be: list of str."""
        return [*names.CEILINGS, *([ATTAINABLE] if self.attainable else [])]

    @cached_property
    def seeded(self) -> list[str]:
        """Methods that a seed shapes, list of str."""
        return [method for method in self.methods if method in NETWORK_METHODS]

    @cached_property
    def sources(self) -> list[str]:
        """Parts of a world's scores: those of each seed and `ONCE`, list of str."""
        return [*(f"seed-{seed}" for seed in self.seeds if self.seeded), ONCE]

    def scored_methods(self, source: str) -> list[str]:
        """Methods that a part of a world's scores holds, but for ceilings: list of str."""
        return [method for method in self.methods if (method in self.seeded) != (source == ONCE)]

    def folder(self, world: str) -> str:
        """Folder of a world: the results folder of its workflow."""
        return f"{self.results}/{world}"

    def model_folder(self, world: str, method: str, seed: int | str) -> str:
        """Folder of a method's model trained from a seed; what no seed shapes lies with the first."""
        if method not in NETWORK_METHODS or int(seed) == self.seeds[0]:
            return f"{self.folder(world)}/training/fold-{EXTERNAL_FOLD}/{method}"
        return f"{self.folder(world)}/seeds/seed-{seed}/fold-{EXTERNAL_FOLD}/{method}"

    def attainable_folder(self, world: str) -> str:
        """Folder of the model of the ceiling `ATTAINABLE`."""
        return f"{self.folder(world)}/{ATTAINABLE}/fold-{EXTERNAL_FOLD}/{ATTAINABLE_NETWORK}"

    def models(self, world: str, methods: Iterable[str], seed: int | str) -> list[str]:
        """Weights and cards of all models that a prediction by some methods reads: list of paths."""
        folders = [self.model_folder(world, method, seed) for method in needed_models(methods)]
        return [f"{folder}/model.{kind}" for folder in folders for kind in ("safetensors", "json")]

    def models_of(self, world: str, source: str) -> list[str]:
        """The same for a part of a world's scores."""
        if source != ONCE:
            return self.models(world, self.scored_methods(source), source.removeprefix("seed-"))
        found = self.models(world, self.scored_methods(ONCE), self.seeds[0])
        own = self.attainable_folder(world)
        kinds = ("safetensors", "json") if self.attainable else ()
        return found + [f"{own}/model.{kind}" for kind in kinds]

    def sketcher(self, world: str, method: str, seed: int | str) -> list[str]:
        """Weights and card of the sketcher that a training of ``method`` starts from: list of paths."""
        return self.models(world, needed_models([method])[:-1], seed)

    def files(self, world: str, scans: Iterable[str], keys: Iterable[str]) -> dict[str, list[str]]:
        """Derivatives of some scans, by key one path per scan."""
        return {key: [names.path(self.folder(world), key, scan=scan) for scan in scans] for key in keys}

    def truth(self, world: str, scans: Iterable[str], which: Iterable[str]) -> dict[str, list[str]]:
        """Maps of some scans' truth, by name one path per scan."""
        found = [truth_files(f"{self.folder(world)}/simulated", names.subject_of(scan)) for scan in scans]
        return {name: [of_scan[name] for of_scan in found] for name in which}

    def checks(self, world: str, scans: Iterable[str]) -> list[str]:
        """Numbers of the registration of some scans: list of paths."""
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
    InputError : a world whose settings the workflow does not accept, or that sets what the study itself sets; an
        unknown method or reference; no world
    """
    strangers = set(settings["run"]) - set(settings["worlds"])
    if strangers or not settings["worlds"]:
        named = f"names {min(strangers)}, no key of" if strangers else "has nothing to run in"
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
    """Scans that no method learns from: scored patients, then those of the ceiling."""
    many = settings["attainable"]
    n_patients = settings["scored_patients"] + many["patients"]
    people = participants(n_patients, many["controls"] if many["patients"] else 0, SAME_SITE)
    return [names.scan_name(subject) for subject in people.subject]


def _world(name: str, settings: Mapping[str, Any], methods: list[str], schema: str | Path) -> dict[str, Any]:
    """The configuration of the workflow in a world; what it does not say has the workflow's default."""
    people = _further_people(settings)
    n_patients = settings["scored_patients"] + settings["attainable"]["patients"]
    further = {"site": SAME_SITE, "n_patients": n_patients, "n_controls": len(people) - n_patients}
    differs = {key: value for key, value in settings["worlds"][name].items() if key != LEARNED_FROM}
    learned_from = learning_participants(settings, name)
    config = overlaid(settings["workflow"], {"simulation": differs})
    own = {
        "seed": settings["seed"],
        # the models of fold 0 learn from all participants but the further ones
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
        raise InputError(f"Of the world {name} of the ladder: {error}") from None
    return config


def learning_participants(settings: Mapping[str, Any], world: str) -> dict[str, int]:
    """Return the number of participants that methods learn from in a world, by group (MS, HC)."""
    return {**settings[LEARNED_FROM], **settings["worlds"][world].get(LEARNED_FROM, {})}


def _refuse_own(settings: Mapping[str, Any], where: str) -> None:
    """Settings of the workflow that the study sets itself stand in no other part of it."""
    for key in _OWN:
        section, _, last = key.rpartition(".")
        if last in ((settings.get(section) or {}) if section else settings):
            raise InputError(
                f"{where} sets {key}, which the study sets itself: leave it out, and use the keys of ladder."
            )


def training_of(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The section ``training`` of a world's configuration with what the ceiling has of its own.

    Parameters
    ----------
    config : dict, with all defaults
    changes : dict, keys of ``training`` as deep as needed

    Returns
    -------
    dict
    """
    return overlaid(config["training"], changes)
