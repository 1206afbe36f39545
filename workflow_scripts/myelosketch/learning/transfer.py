"""A network pretrained on simulated physics, with its level fitted to the PET of a fold (our addition).

The weights are part of the software (models/pretrained, written by studies/pretraining) and are not changed. The
network has learned from simulated participants, each with a different scanner and different physics, how the maps
determine DVR. An offset and a slope for the PET of a cohort are fitted to the fold's training scans. The network has
not learned from these scans, so its errors there are those of new scans.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS, REGION_CODES, subject_of
from myelosketch.io.provenance import read_json, write_json
from myelosketch.learning.data import Normalisation, TrainingScan, inner_parts
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.ladder import TRANSFER
from myelosketch.learning.models import CARD, WEIGHTS, load_model
from myelosketch.learning.recalibration import line

# levels that are tried, simplest first: unchanged output, offset, or offset and slope
FORMS = ("none", "offset", "line")
PARTS = 4
# voxels as (predicted (n,), measured (n,)), one pair per region of a scan
Pairs = list[tuple[np.ndarray, np.ndarray]]

# entries of the card that a prediction needs or that document the training; none contains the name of a scan
_CARD = (
    *(
        "purpose",
        "format",
        "method",
        "settings",
        "normalisation",
        "input_maps",
        "units",
        "value_ranges",
        "seed",
    ),
    *("precision", "epochs", "data_sha256", "config_sha256", "software", "weights_sha256"),
)


class TransferModel:
    """A pretrained network with an output at the level of a cohort. On disk it is an ordinary network."""

    def __init__(
        self, tensors: Mapping[str, np.ndarray], normalisation: Normalisation, card: Mapping[str, Any]
    ) -> None:
        self.tensors, self.normalisation, self.card = tensors, normalisation, card

    def predict(self, maps: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Return the DVR (x, y, z), float32, of maps (4, x, y, z) in their units; 0 outside the support."""
        card = {**self.card, "normalisation": self.normalisation.card()}
        return NetworkModel.of(TRANSFER, self.tensors, card).predict(maps, support, flips=True)


def fit_transfer(scans: Sequence[TrainingScan], pretrained: str | Path) -> TransferModel:
    """Fit the level of a pretrained network to some scans.

    Parameters
    ----------
    scans : list of TrainingScan
    pretrained : folder with the network's ``model.safetensors`` and ``model.json``

    Returns
    -------
    TransferModel

    Raises
    ------
    InputError : the folder contains no network, or a network with other input maps
    """
    tensors, card = load_model(pretrained)
    if not isinstance(card.get("settings"), dict) or card["input_maps"] != list(INPUT_MAPS):
        raise InputError(
            f"{pretrained} contains a model of {card.get('method')} for the maps {', '.join(card['input_maps'])}; "
            f"expected a network for {', '.join(INPUT_MAPS)}: set training.transfer.pretrained to its folder."
        )
    network = NetworkModel.of(TRANSFER, tensors, card)
    values = [_pairs(scan, network.predict(scan.maps, scan.support, flips=True)) for scan in scans]
    form, errors = choose_form(values, [subject_of(scan.name) for scan in scans])
    offset, slope = level(form, [pair for pairs in values for pair in pairs])
    print(f"{TRANSFER}: level {form}, {offset:+.4f} + {slope:.4f} x DVR", flush=True)
    own = network.normalisation
    mean, sd = offset + slope * own.dvr_mean, slope * own.dvr_sd
    entries = {
        "settings": card["settings"],
        "pretrained_sha256": card["weights_sha256"],
        "level": {"form": form, "offset": offset, "slope": slope, "inner_errors": errors},
    }
    # its output is mean + SD x network(maps), so the level changes these two
    moved = {**tensors, "mean": np.array(mean, np.float32), "sd": np.array(sd, np.float32)}
    return TransferModel(moved, replace(own, dvr_mean=mean, dvr_sd=sd), entries)


def choose_form(values: Sequence[Pairs], subjects: Sequence[str]) -> tuple[str, dict[str, float]]:
    """Return the form of FORMS with the smallest error on participants to which it was not fitted.

    Parameters
    ----------
    values : `Pairs` of each scan
    subjects : participant of each scan

    Returns
    -------
    (str, dict) : the form, and per form the mean absolute error, DVR, over regions of held-out scans
    """
    part = inner_parts(subjects, PARTS)
    if part.max() == 0:  # with one participant nobody is held out
        return FORMS[0], {}
    errors: dict[str, float] = {}
    for form in FORMS:
        found = []
        for held_out in sorted(set(part.tolist())):
            inner = [pair for pairs, p in zip(values, part, strict=True) if p != held_out for pair in pairs]
            offset, slope = level(form, inner)
            found += [
                float(np.abs(offset + slope * x - y).mean())
                for pairs, p in zip(values, part, strict=True)
                if p == held_out
                for x, y in pairs
            ]
        errors[form] = float(np.mean(found))
    return min(FORMS, key=errors.__getitem__), errors


def level(form: str, pairs: Pairs) -> tuple[float, float]:
    """Fit offset and slope of a form by least squares, with equal weights of regions, as in Eq. 5.

    Parameters
    ----------
    form : one of FORMS
    pairs : see `Pairs`

    Returns
    -------
    (float, float)
    """
    if form == "none" or not pairs:
        return 0.0, 1.0
    if form == "offset":
        return float(np.mean([float((y - x).mean(dtype=np.float64)) for x, y in pairs])), 1.0
    return line(pairs)


def _pairs(scan: TrainingScan, predicted: np.ndarray) -> Pairs:
    inside = [scan.support & (scan.regions == code) for code in REGION_CODES.values()]
    return [(predicted[mask], scan.dvr[mask]) for mask in inside if mask.any()]


def publish_pretrained(trained: str | Path, folder: str | Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the pretrained network for distribution: its weights, and a card without the names of scans.

    Parameters
    ----------
    trained : folder of the training
    folder : of the network to write
    facts : dict, number of participants it learned from and the ranges used

    Returns
    -------
    dict : the card
    """
    card = read_json(Path(trained) / CARD)
    public = {key: card[key] for key in _CARD if key in card} | {"pretraining": dict(facts)}
    Path(folder).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(trained) / WEIGHTS, Path(folder) / WEIGHTS)
    write_json(Path(folder) / CARD, public)
    return public
