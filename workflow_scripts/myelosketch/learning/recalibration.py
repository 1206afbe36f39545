"""Recalibrated methods: an offset and a slope per region, from inner held-out predictions (our method).

A row `<method>recal` shows how much of a method's advantage remains once its level is correct. The coefficients come
from predictions of training participants by models that were fitted without them. The correction changes abruptly at
the border of a region. Smoothed over one voxel, it would leave half of the bias in lesions of a few voxels
(docs/method.md). It reads the region map of the scan, including the lesion mask, which no other prediction does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from myelosketch.io.names import REGION_CODES, subject_of
from myelosketch.io.provenance import read_json
from myelosketch.learning.baselines import baseline_fitter
from myelosketch.learning.data import TrainingScan, fit_normalisation, inner_parts
from myelosketch.learning.harmonisation import harmonise_training
from myelosketch.learning.ladder import NETWORK_METHODS, recalibrated
from myelosketch.learning.models import CARD, load_model, save_model, shared_card
from myelosketch.learning.sketches import sketch

if TYPE_CHECKING:
    from myelosketch.learning.inference import NetworkModel

# inner parts: a fast model is fitted four times, a network twice, each time on half of the participants
PARTS, PARTS_OF_NETWORKS = 4, 2


class Predictor(Protocol):
    """A fitted model."""

    def predict(self, maps: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Return the DVR (x, y, z) of maps (4, x, y, z)."""
        ...


Fit = Callable[[Sequence[TrainingScan]], Predictor]


def fitter(
    method: str,
    training: Mapping[str, Any],
    *,
    seed: int,
    work: str | Path,
    flips: bool = False,
    device: str = "auto",
    threads: int = 1,
) -> Fit:
    """Return the function that fits a method to some scans.

    Parameters
    ----------
    method : the method to recalibrate
    training : the config's section, or the part of it that the method reads
    seed : int
    work : folder for inner training runs of networks
    flips, device, threads : for networks, see `predict.predict_scan`

    Returns
    -------
    function, list of TrainingScan -> Predictor
    """
    if method not in NETWORK_METHODS:
        return baseline_fitter(method, training, seed=seed)

    def train(scans: Sequence[TrainingScan]) -> Predictor:
        from myelosketch.learning.inference import NetworkModel
        from myelosketch.learning.training import train_stage

        folder = Path(tempfile.mkdtemp(dir=work))
        sketcher = None
        # its maps are harmonised once, before they are split
        settings = {**training, "harmonise": "none"}
        options: dict[str, Any] = {"settings": settings, "seed": seed, "device": device, "threads": threads}
        if NETWORK_METHODS[method].refines:
            train_stage("sketcher", scans, folder / "sketcher", **options)
            sketcher = NetworkModel.load(folder / "sketcher", method="sketcher")
        train_stage(
            method, scans, folder / method, sketcher=folder / "sketcher" if sketcher else None, **options
        )
        return _Network(NetworkModel.load(folder / method, method=method), sketcher, flips)

    return train


class _Network:
    """A network and the sketcher from which it starts, as one predictor."""

    def __init__(self, model: NetworkModel, sketcher: NetworkModel | None, flips: bool) -> None:
        self.model, self.sketcher, self.flips = model, sketcher, flips

    def predict(self, maps: np.ndarray, support: np.ndarray) -> np.ndarray:
        drawn = sketch(self.sketcher, maps, support) if self.sketcher else None
        return self.model.predict(maps, support, drawn, flips=self.flips)


def held_out_values(
    scans: Sequence[TrainingScan], fit: Fit, parts: int
) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Return predicted and measured DVR of training scans, each by a model fitted without its participant.

    Parameters
    ----------
    scans : list of TrainingScan
    fit : see `fitter`
    parts : number of inner parts

    Returns
    -------
    dict, region -> list of (predicted (n,), measured (n,)), one per scan with a voxel of the region
    """
    part = inner_parts([subject_of(scan.name) for scan in scans], parts)
    values: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {region: [] for region in REGION_CODES}
    for held_out in sorted(set(part.tolist())):
        model = fit([scan for scan, p in zip(scans, part, strict=True) if p != held_out])
        for scan in (scan for scan, p in zip(scans, part, strict=True) if p == held_out):
            predicted = model.predict(scan.maps, scan.support)
            for region, code in REGION_CODES.items():
                inside = scan.support & (scan.regions == code)
                if inside.any():
                    values[region].append((predicted[inside], scan.dvr[inside]))
    return values


def line(values: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Return offset and slope of measured on predicted DVR by least squares. Each scan has the same weight.

    Parameters
    ----------
    values : list of (predicted (n,), measured (n,)), one per scan

    Returns
    -------
    (float, float) : 0 and 1 without a scan. The slope is 1 if the prediction is constant or the slope is not positive
    """
    if not values:
        return 0.0, 1.0
    x, y = (np.concatenate([pair[side].astype(np.float64) for pair in values]) for side in (0, 1))
    w = np.concatenate([np.full(len(pair[0]), 1 / (len(pair[0]) * len(values))) for pair in values])
    centre_x, centre_y = w @ x, w @ y
    spread = w @ (x - centre_x) ** 2
    slope = w @ ((x - centre_x) * (y - centre_y)) / spread if spread > 1e-12 else 1.0
    slope = float(slope) if slope > 0 else 1.0
    return float(centre_y - slope * centre_x), slope


def fit_recalibration(
    method: str,
    scans: Sequence[TrainingScan],
    folder: str | Path,
    *,
    base: str | Path,
    fit: Fit,
    inputs: Sequence[str],
    fold: int | None = None,
    harmonise: str = "none",
    controls: Iterable[str] = (),
    sites: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Fit the recalibration of a method on the training scans of a fold and write it.

    Parameters
    ----------
    method : the method to recalibrate
    scans : list of TrainingScan; no other scan is read
    folder : of model.safetensors and model.json
    base : folder of the fold's model of the method
    fit : see `fitter`
    inputs : names of the input maps
    fold : number written into the card
    harmonise, controls, sites : see `baselines.fit_baseline`

    Returns
    -------
    dict : the model card, with ``base_sha256`` (hash of the weights it corrects) and ``inner_parts``

    Raises
    ------
    InputError : a site to harmonise has no control
    """
    scans, white_matter = harmonise_training(scans, controls, sites or {}, setting=harmonise, fold=fold)
    parts = PARTS_OF_NETWORKS if method in NETWORK_METHODS else PARTS
    values = held_out_values(scans, fit, parts)
    lines = {region: line(pairs) for region, pairs in values.items()}
    for region, (offset, slope) in lines.items():
        print(f"{recalibrated(method)}: {region} {offset:+.4f} + {slope:.4f} x DVR", flush=True)
    card = {
        **shared_card(recalibrated(method), fold, scans, fit_normalisation(scans, inputs)),
        **white_matter,
        "base": method,
        "base_sha256": read_json(Path(base) / CARD)["weights_sha256"],
        "inner_parts": parts,
        "n_scans": {region: len(pairs) for region, pairs in values.items()},
    }
    offsets, slopes = (np.array([lines[region][place] for region in REGION_CODES]) for place in (0, 1))
    return save_model(folder, {"offsets": offsets, "slopes": slopes}, card)


class Recalibration:
    """Fitted offsets and slopes: `load`, then `apply`."""

    def __init__(self, offsets: np.ndarray, slopes: np.ndarray, card: Mapping[str, Any]) -> None:
        self.offsets, self.slopes, self.card = offsets, slopes, card

    @classmethod
    def load(cls, folder: str | Path, *, method: str) -> Self:
        """Read a model folder written by `fit_recalibration`; ``method`` is the recalibrated method."""
        tensors, card = load_model(folder, method=method)
        return cls(tensors["offsets"], tensors["slopes"], card)

    def apply(self, dvr: np.ndarray, support: np.ndarray, regions: np.ndarray) -> np.ndarray:
        """Return the corrected DVR.

        Parameters
        ----------
        dvr : array (x, y, z), prediction to correct
        support : bool array (x, y, z)
        regions : int array (x, y, z), region codes; 0 counts as "other" inside the support

        Returns
        -------
        float32 array (x, y, z), 0 outside the support
        """
        codes = np.where(regions == 0, REGION_CODES["other"], regions).astype(int)
        place = np.zeros(max(REGION_CODES.values()) + 1, int)
        place[list(REGION_CODES.values())] = range(len(REGION_CODES))
        index = place[codes]
        corrected = self.offsets[index] + self.slopes[index] * dvr
        return np.where(support, corrected, 0).astype(np.float32)
