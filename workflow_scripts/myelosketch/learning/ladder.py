"""The trained methods of the ladder, and what each is made of; all share data, crops, budget and scoring."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkMethod:
    """A network trained by gradient descent.

    ``network`` generator; ``loss`` "l1" (Eq. 4) or "weighted_l1" (Eq. 5); ``adversarial`` with the patch
    discriminator; ``start`` the method whose prediction is a further input, or None.
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
