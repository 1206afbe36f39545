"""The trained methods of the ladder, and what each is made of; all share data, crops, budget and scoring."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkMethod:
    """A network trained by gradient descent.

    ``network`` generator; ``loss`` "l1" (Eq. 4) or "weighted_l1" (Eq. 5); ``adversarial`` with the patch
    discriminator; ``start`` the method whose prediction is always a further input, or None.
    """

    network: str
    loss: str
    adversarial: bool
    start: str | None = None


NETWORK_METHODS = {
    "dnn2": NetworkMethod("dnn2", "l1", adversarial=False),
    "unet": NetworkMethod("unet", "l1", adversarial=False),
    "unetroi": NetworkMethod("unet", "weighted_l1", adversarial=False),
    "sketcher": NetworkMethod("unet", "l1", adversarial=True),
    "refiner": NetworkMethod("unet", "weighted_l1", adversarial=True, start="sketcher"),
}


def start_of(method, stage):
    """The method whose prediction is a further input of ``method``, or None.

    Parameters
    ----------
    method : name; one that is no network starts from nothing
    stage : dict, its settings; ``start`` is "ridge" or "none" where the ladder leaves it open
    """
    if method not in NETWORK_METHODS:
        return None
    chosen = stage.get("start", "none")
    return NETWORK_METHODS[method].start or (None if chosen == "none" else chosen)


def starts_of(training):
    """What every network starts from, by the section ``training`` of the configuration: dict method -> method or
    None."""
    return {method: start_of(method, training[method]) for method in NETWORK_METHODS}
