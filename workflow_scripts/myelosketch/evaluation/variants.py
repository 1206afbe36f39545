"""Scores of one scan under other choices, for the sensitivity analysis.

The choices are the reference of healthy white matter, the width of the perilesional shell, and the minimum lesion
size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from myelosketch.evaluation.demyelination import reference_of, score_demyelination
from myelosketch.evaluation.masks import scorable_labels
from myelosketch.imaging.regions import label_regions
from myelosketch.io.names import REGION_CODES

if TYPE_CHECKING:
    from myelosketch.io.volumes import Volume

THRESHOLDED = ("dice", "trivial_dice", "mcc", "pct_true", "pct_pred")
WHITE_MATTER = ("nawm_mae", "nawm_mean_true", "nawm_mean_pred")


def white_matter_masks(
    fractions: Mapping[str, np.ndarray],
    measured: Volume,
    widths: Iterable[float],
    *,
    threshold: float,
    white_erosion_mm: float,
    control: bool = False,
) -> dict[float, np.ndarray]:
    """Return normal-appearing or healthy white matter for each width of the perilesional shell.

    Parameters
    ----------
    fractions : dict of arrays (x, y, z), 0-1, with ``brain``, ``white`` and ``lesion``
    measured : Volume, DVR
    widths : list of float, mm
    threshold, white_erosion_mm, control : as in ``imaging.regions.label_regions``

    Returns
    -------
    dict : width -> boolean array (x, y, z)
    """
    parts: dict[str, Any] = {name: fractions[name] for name in ("brain", "white", "lesion")}
    options: dict[str, Any] = {
        "threshold": threshold,
        "white_erosion_mm": white_erosion_mm,
        "control": control,
    }
    masks = {}
    for width in widths:
        labels, _ = label_regions(**parts, voxel_size=measured.voxel_size, perilesional_mm=width, **options)
        masks[width] = scorable_labels(labels, measured.data) == REGION_CODES["nawm"]
    return masks


class Variants:
    """Scores of one scan's maps under other choices.

    Parameters
    ----------
    measured : float array (x, y, z), DVR
    lesion : boolean array (x, y, z)
    references : dict, ``pooled`` and ``voxelwise`` -> dict with ``mean`` and ``sd``
    white_matter : dict, width of the shell -> boolean array (x, y, z)
    k : float
    """

    def __init__(
        self,
        measured: np.ndarray,
        lesion: np.ndarray,
        references: Mapping[str, Mapping[str, Any]],
        white_matter: Mapping[float, np.ndarray],
        *,
        k: float,
    ) -> None:
        self.measured = measured
        self.lesion = lesion
        self.references = {name: reference_of(found, lesion) for name, found in references.items()}
        self.white_matter = white_matter
        self.k = k

    def score(self, predicted: np.ndarray, *, patient: bool) -> list[dict[str, Any]]:
        """Return the rows of one predicted map.

        Parameters
        ----------
        predicted : float array (x, y, z), DVR
        patient : bool; a control has no lesion

        Returns
        -------
        list of dict : ``axis``, ``value``, ``metric``, ``score``
        """
        rows = []
        if patient:
            maps = predicted[self.lesion], self.measured[self.lesion]
            for name, reference in self.references.items():
                scored = score_demyelination(*maps, reference, [self.k])[0]
                rows += _rows("reference", name, THRESHOLDED, [scored[metric] for metric in THRESHOLDED])
        for width, mask in self.white_matter.items():
            found, true = predicted[mask].astype(float), self.measured[mask].astype(float)
            scores = [np.nan] * 3
            if true.size:
                scores = [float(np.abs(found - true).mean()), float(true.mean()), float(found.mean())]
            rows += _rows("perilesional_mm", f"{width:g}", WHITE_MATTER, scores)
        return rows


def _rows(axis: str, value: str, metrics: Sequence[str], scores: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {"axis": axis, "value": value, "metric": metric, "score": score}
        for metric, score in zip(metrics, scores, strict=True)
    ]
