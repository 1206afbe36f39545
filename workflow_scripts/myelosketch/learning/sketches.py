"""Sketches for a refiner, in training and prediction: DVR maps by the frozen sketcher of its fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myelosketch.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from myelosketch.learning.data import TrainingScan
    from myelosketch.learning.inference import NetworkModel


def mirrors_sketches(card: Mapping[str, Any]) -> bool:
    """Return whether a refiner's sketch is the mean of the sketcher's maps of the head and of its mirror image.

    It is if the sketcher was trained on mirrored crops. The sketcher's card decides this, not a setting of the
    prediction, so that the refiner gets the same input in prediction as in training.
    """
    return bool(card["settings"]["flips"])


def sketch(model: NetworkModel, maps: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the sketch for a refiner: of the whole volume, without dropout, mirrored as `mirrors_sketches` says.

    Parameters
    ----------
    model : NetworkModel, the sketcher
    maps, support : of `NetworkModel.predict`

    Returns
    -------
    float32 array (x, y, z), DVR
    """
    return model.predict(maps, support, flips=mirrors_sketches(model.card))


def sketch_beside(
    model: NetworkModel, dvr: np.ndarray, maps: np.ndarray, support: np.ndarray, *, flips: bool
) -> np.ndarray:
    """Return the sketch of a scan with a DVR predicted with these ``flips``: often the same map."""
    return dvr if flips == mirrors_sketches(model.card) else sketch(model, maps, support)


def sketch_scans(
    scans: Sequence[TrainingScan], folder: str | Path | None, device: str
) -> tuple[list[np.ndarray], str]:
    """Return the sketch of every training scan.

    Parameters
    ----------
    scans : list of TrainingScan, all of the fold's training part
    folder : of the fold's trained sketcher
    device : "cpu" or "cuda"

    Returns
    -------
    (list of arrays (x, y, z), str) : DVR of each scan; SHA-256 of the sketcher's weights

    Raises
    ------
    InputError : no sketcher is given, or the sketcher was trained on other scans
    """
    from myelosketch.learning.inference import NetworkModel

    if folder is None:
        raise InputError("the refiner needs a trained sketcher: give its model folder.")
    model = NetworkModel.load(folder, method="sketcher", device=device)
    split, wanted = model.card["split"], {scan.name for scan in scans}
    trained_on = {*split["train"], *split["validation"]}
    if trained_on != wanted:
        raise InputError(
            f"the sketcher in {folder} was trained on other scans than this refiner "
            f"({', '.join(sorted(trained_on ^ wanted)[:3])}, ...): use the sketcher of the same fold."
        )
    return [sketch(model, scan.maps, scan.support) for scan in scans], model.card["weights_sha256"]
