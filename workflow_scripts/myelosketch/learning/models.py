"""Trained models on disk: weights as safetensors (nothing is unpickled) and a card that describes them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from myelosketch.errors import InputError
from myelosketch.intake.plausible import TOP
from myelosketch.io.names import INPUT_MAPS, UNITS
from myelosketch.io.provenance import file_hash, read_json, replacing, software_versions, write_json
from myelosketch.learning.data import data_hash

if TYPE_CHECKING:
    import numpy as np

    from myelosketch.learning.data import Normalisation, TrainingScan

WEIGHTS, CARD = "model.safetensors", "model.json"
# format of the card and of the names of the weights; a card without the entry has format 1
FORMAT = 3
# the largest voxel of a training may be this many times the largest plausible 99th percentile
SPIKES = 20
PURPOSE = "Research only: not for clinical use."


def save_model(folder: str | Path, tensors: Mapping[str, np.ndarray], card: dict[str, Any]) -> dict[str, Any]:
    """Write ``model.safetensors``, then ``model.json`` with the hash of the weights, each atomically.

    Parameters
    ----------
    folder : of the model
    tensors : dict of numpy arrays
    card : dict of plain values; purpose, units, versions, commit and hash are added, and ``input_maps`` (all four) if
        the card does not name its input maps

    Returns
    -------
    dict : the complete card
    """
    folder = Path(folder)
    with replacing(folder / WEIGHTS) as temporary:
        save_file({name: array.copy(order="C") for name, array in tensors.items()}, temporary)
    card = {
        "purpose": PURPOSE,
        "format": FORMAT,
        "input_maps": list(INPUT_MAPS),
        **card,
        "units": {name: UNITS[name] for name in (*INPUT_MAPS, "DVR")},
        "software": software_versions(),
        "commit": git_commit(),
        "weights_sha256": file_hash(folder / WEIGHTS),
    }
    write_json(folder / CARD, card)
    return card


def load_model(
    folder: str | Path, *, method: str | None = None, config_sha256: str | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a model and check that card and weights match.

    Parameters
    ----------
    folder : folder with ``model.safetensors`` and ``model.json``
    method : the method expected, optional
    config_sha256 : hash of the configuration in use, optional; it must equal that of the card

    Returns
    -------
    (dict of numpy arrays, dict) : tensors and card

    Raises
    ------
    InputError : a file is absent, the card does not match the weights or the configuration, the weights are not in
        safetensors format, or the card has another format, method, map order, units or range of values
    """
    card, weights = read_model_files(folder)
    path = Path(folder) / CARD
    return check_model(path, card, weights, method=method, config_sha256=config_sha256), card


def read_model_files(folder: str | Path) -> tuple[dict[str, Any], bytes]:
    """Return the card and the bytes of the weights in a model folder, unchecked.

    Parameters
    ----------
    folder : folder with ``model.safetensors`` and ``model.json``

    Returns
    -------
    (dict, bytes)

    Raises
    ------
    InputError : a file is absent, or the card is not JSON
    """
    folder = Path(folder)
    for name in (WEIGHTS, CARD):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder / name} does not exist: train the model, or give the folder of a trained one."
            )
    try:
        card = read_json(folder / CARD)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{folder / CARD} is not JSON ({str(error)[:80]}): copy the model again, or train again."
        ) from error
    return card, (folder / WEIGHTS).read_bytes()


def check_model(
    path: str | Path,
    card: Mapping[str, Any],
    weights: bytes,
    *,
    method: str | None = None,
    config_sha256: str | None = None,
) -> dict[str, np.ndarray]:
    """Check that a card and weights match, whatever their source.

    Parameters
    ----------
    path : of the card, for messages
    card : dict
    weights : content of ``model.safetensors``
    method, config_sha256 : see `load_model`

    Returns
    -------
    dict of numpy arrays

    Raises
    ------
    InputError : see `load_model`
    """
    if not isinstance(card, Mapping):
        raise InputError(
            f"{path} is not a model card (not a JSON object): copy the model again, or train again."
        )
    if card.get("format", 1) != FORMAT:
        software = card.get("software")
        version = software.get("myelosketch") if isinstance(software, Mapping) else "of unknown version"
        raise InputError(
            f"{path} has the format {card.get('format', 1)!r:.40}; this version reads format {FORMAT}: use the "
            f"version that wrote it (myelosketch {version}), or train again."
        )
    found = hashlib.sha256(weights).hexdigest()
    if card.get("weights_sha256") != found:
        raise InputError(
            f"{path} describes weights with SHA-256 {str(card.get('weights_sha256'))[:12]}, but "
            f"{WEIGHTS} has {found[:12]}, so card and weights belong to different models: copy both again or "
            "train again."
        )
    if method is not None and card.get("method") != method:
        raise InputError(f"{path} belongs to the method {card.get('method')}; expected {method}.")
    check_maps(path, card)
    check_value_ranges(path, card)
    if config_sha256 is not None and card.get("config_sha256") != config_sha256:
        raise InputError(
            f"{path} was trained with the settings {str(card.get('config_sha256'))[:12]}, but the "
            f"configuration in use is {config_sha256[:12]}: use the configuration of the model, or train again."
        )
    try:
        return load(weights)
    except (SafetensorError, KeyError) as error:  # KeyError: a number type that numpy lacks
        raise InputError(
            f"{Path(path).with_name(WEIGHTS)} is not a safetensors file ({error}), the only format accepted: train "
            "again."
        ) from error


def check_maps(path: str | Path, card: Mapping[str, Any]) -> None:
    """Raise an error if input maps (in order) or units of a card differ from those of this version."""
    inputs = card.get("input_maps")
    if (
        not isinstance(inputs, list)
        or not inputs
        or inputs != [name for name in INPUT_MAPS if name in inputs]
    ):
        raise InputError(
            f"{path} has the input maps {inputs}; expected some or all of {list(INPUT_MAPS)}, in this order."
        )
    units = {name: UNITS[name] for name in (*INPUT_MAPS, "DVR")}
    if card.get("units") != units:
        raise InputError(f"{path} has the units {card.get('units')}; expected {units}.")


def check_value_ranges(path: str | Path, card: Mapping[str, Any]) -> None:
    """Raise an error if a model was trained on values that are impossible in its units, such as MTR in 0-1."""
    ranges = card.get("value_ranges", {})
    if not isinstance(ranges, Mapping) or not all(
        name in TOP and isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair))
        for name, pair in ranges.items()
    ):
        raise InputError(
            f"{path} has value_ranges that are not the smallest and largest value of each map: train again."
        )
    for name, (_, largest) in ranges.items():
        low, high = TOP[name]
        if not low <= largest <= SPIKES * high:
            raise InputError(
                f"{path} was trained on {name} up to {largest:.4g}, which is impossible in {UNITS[name]!r} (expected "
                f"{low:g} to {SPIKES * high:g}), so the maps had another unit: declare units.{name} and train again."
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**300


def git_commit() -> str | None:
    """Return the commit of the code, or None outside a repository."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def split_card(names: Iterable[str], validation: Iterable[str] = ()) -> dict[str, Any]:
    """Return the entry of the card for training and inner-validation scans: their names and the hash of all."""
    return {
        "train": list(names),
        "validation": list(validation),
        "sha256": text_hash(sorted([*names, *validation])),
    }


def value_ranges(scans: Sequence[TrainingScan], inputs: Sequence[str] = INPUT_MAPS) -> dict[str, list[float]]:
    """Return the smallest and largest value per input map inside the training brains."""
    ranges = {}
    for name in inputs:
        index = INPUT_MAPS.index(name)
        values = [scan.maps[index][scan.brain] for scan in scans]
        ranges[name] = [float(min(part.min() for part in values)), float(max(part.max() for part in values))]
    values = [scan.dvr[scan.brain] for scan in scans]
    ranges["DVR"] = [float(min(part.min() for part in values)), float(max(part.max() for part in values))]
    return ranges


def shared_card(
    method: str, fold: int | None, scans: Sequence[TrainingScan], normalisation: Normalisation
) -> dict[str, Any]:
    """Return the entries of a model card on the training data, which every model of maps has.

    Parameters
    ----------
    method : name
    fold : number, or None
    scans : list of TrainingScan, as given to the model
    normalisation : Normalisation

    Returns
    -------
    dict
    """
    return {
        "method": method,
        "fold": fold,
        "normalisation": normalisation.card(),
        "input_maps": list(normalisation.inputs),
        "value_ranges": value_ranges(scans, normalisation.inputs),
        "split": split_card([scan.name for scan in scans]),
        "data_sha256": data_hash(scans),
    }


def text_hash(content: Any) -> str:
    """Return the SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
