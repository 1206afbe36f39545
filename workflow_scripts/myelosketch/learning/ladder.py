"""The trained methods of the ladder, and what each is made of; all share data, crops, budget and scoring."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NetworkMethod:
    """A network trained by gradient descent.

    ``network`` generator; ``loss`` "l1" (Eq. 4) or "weighted_l1" (Eq. 5); ``adversarial`` with the patch
    discriminator; ``refines`` where the sketcher's map is a further input.
    """

    network: str
    loss: str
    adversarial: bool
    refines: bool = False


# trained by a run
NETWORK_METHODS = {
    "dnn2": NetworkMethod("dnn2", "l1", adversarial=False),
    "unet": NetworkMethod("unet", "l1", adversarial=False),
    "unetroi": NetworkMethod("unet", "weighted_l1", adversarial=False),
    "sketcher": NetworkMethod("unet", "l1", adversarial=True),
    "refiner": NetworkMethod("unet", "weighted_l1", adversarial=True, refines=True),
}
RIDGE_METHODS = ("ridgevoxel", "ridgemeans")
# a network that comes with the software, pretrained on simulated physics; a run only fits its level
TRANSFER = "transfer"
# every method whose model is a network
GENERATORS = {**NETWORK_METHODS, TRANSFER: NetworkMethod("unet", "weighted_l1", adversarial=False)}
# methods that are fitted to a fold without a training by gradient descent, each from the maps of its scans
BASELINE_METHODS = (*RIDGE_METHODS, "trees", TRANSFER)
# a recalibrated method is a method's name and this
RECALIBRATED = "recal"
# name, among the variants of a study, of the training as it is configured
CONFIGURED = "configured"
# what every network method reads of the section training; each adds its own section
NETWORK_SETTINGS = (
    *("harmonise", "inputs", "precision", "validation", "crop", "batch", "steps_per_epoch", "flips"),
    *("schedule", "ema", "beta1", "adversarial", "generator", "discriminator"),
)


def network_settings(training: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The part of a section ``training`` that shapes one network method.

    Parameters
    ----------
    training : dict, section of the configuration, or of a variant
    method : key of NETWORK_METHODS

    Returns
    -------
    dict
    """
    return {key: training[key] for key in (*NETWORK_SETTINGS, method)}


def fit_settings(training: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The part of a section ``training`` that a method and the networks it starts from are fitted by.

    Parameters
    ----------
    training : dict, section of the configuration
    method : name; not template, and not a recalibrated one

    Returns
    -------
    dict
    """
    if method in NETWORK_METHODS:
        return {
            key: value
            for name in needed_models([method])
            for key, value in network_settings(training, name).items()
        }
    return {key: training[key] for key in ("inputs", "ridge") if key == "inputs" or method in RIDGE_METHODS}


def recalibrated(method: str) -> str:
    """Name of the recalibrated row of a method."""
    return method + RECALIBRATED


def base_of(method: str) -> str | None:
    """Method that a recalibrated one corrects; None of another method."""
    return method.removesuffix(RECALIBRATED) if method.endswith(RECALIBRATED) else None


def needed_models(methods: Iterable[str]) -> list[str]:
    """Methods whose models a prediction by ``methods`` reads, each before it is asked for: a refiner starts from the
    map of its sketcher, a recalibrated method from that of its own method.

    Parameters
    ----------
    methods : names

    Returns
    -------
    list of str
    """
    wanted: list[str] = []
    for method in methods:
        network, base = NETWORK_METHODS.get(method), base_of(method)
        before = needed_models([base]) if base else ["sketcher"] if network and network.refines else []
        wanted += [name for name in (*before, method) if name not in wanted]
    return wanted
