"""The sketches that a refiner starts from: DVR of every training scan, by the frozen sketcher of the same fold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from myelosketch.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from myelosketch.learning.data import TrainingScan


def sketch_scans(
    scans: Sequence[TrainingScan], folder: str | Path | None, device: str
) -> tuple[list[np.ndarray], str]:
    """The sketch of every training scan, on whole volumes, dropout off.

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
    InputError : no sketcher is given, or it was trained on other scans
    """
    from myelosketch.learning.inference import NetworkModel

    if folder is None:
        raise InputError("refiner needs a trained sketcher: give its model folder.")
    model = NetworkModel.load(folder, method="sketcher", device=device)
    split, wanted = model.card["split"], {scan.name for scan in scans}
    trained_on = {*split["train"], *split["validation"]}
    if trained_on != wanted:
        raise InputError(
            f"the sketcher in {folder} was trained on other scans than this refiner "
            f"({', '.join(sorted(trained_on ^ wanted)[:3])}, ...): use the sketcher of the same fold."
        )
    return [model.predict(scan.maps, scan.support) for scan in scans], model.card["weights_sha256"]
