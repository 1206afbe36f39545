"""The trained methods of the ladder and their components. All share data, crops, budget and scoring."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NetworkMethod:
    """A network trained by gradient descent.

    ``network`` is the generator. ``loss`` is "l1" (Eq. 4) or "weighted_l1" (Eq. 5). ``adversarial`` methods have the
    patch discriminator. For ``refines`` the sketcher's map is an additional input.
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
# a network that is part of the software, pretrained on simulated physics; a run only fits its level
TRANSFER = "transfer"
# all methods with a network
GENERATORS = {**NETWORK_METHODS, TRANSFER: NetworkMethod("unet", "weighted_l1", adversarial=False)}
# methods that are fitted to the maps of a fold's scans without gradient descent
BASELINE_METHODS = (*RIDGE_METHODS, "trees", TRANSFER)
# suffix of the name of a recalibrated method
RECALIBRATED = "recal"
# name of the configured training among the variants of a study
CONFIGURED = "configured"
# keys of the section training that every network method reads, in addition to its own section
NETWORK_SETTINGS = (
    *("harmonise", "inputs", "precision", "validation", "crop", "batch", "steps_per_epoch", "flips"),
    *("schedule", "ema", "beta1", "adversarial", "generator", "discriminator"),
)


def network_settings(training: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return the part of a section ``training`` that affects one network method.

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
    """Return the part of a section ``training`` that affects a method and the networks from which it starts.

    Parameters
    ----------
    training : dict, section of the configuration
    method : name; neither template nor a recalibrated method

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
    """Return the name of the recalibrated version of a method."""
    return method + RECALIBRATED


def base_of(method: str) -> str | None:
    """Return the method that a recalibrated one corrects, or None for other methods."""
    return method.removesuffix(RECALIBRATED) if method.endswith(RECALIBRATED) else None


def needed_models(methods: Iterable[str]) -> list[str]:
    """Return the methods whose models a prediction by ``methods`` reads, in order of use.

    A refiner starts from the map of its sketcher, a recalibrated method from the map of the method it corrects.

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
