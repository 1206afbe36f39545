"""Trained models on disk: weights as safetensors (nothing is unpickled) and a card of what they are."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from safetensors.numpy import load_file, save_file

from myelosketch.errors import InputError
from myelosketch.names import INPUT_MAPS, UNITS
from myelosketch.provenance import file_hash, read_json, software_versions, write_json

WEIGHTS, CARD = "model.safetensors", "model.json"
PURPOSE = "Research only: not for clinical use."


def save_model(folder, tensors, card):
    """Write ``model.safetensors``, then ``model.json`` with the hash of the weights, each atomically.

    Parameters
    ----------
    folder : where
    tensors : dict of numpy arrays
    card : dict of plain values; purpose, map order, units, versions, commit and hash are added

    Returns
    -------
    dict : the whole card
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{WEIGHTS}.tmp"
    save_file({name: array.copy(order="C") for name, array in tensors.items()}, temporary)
    os.replace(temporary, folder / WEIGHTS)
    card = {
        "purpose": PURPOSE,
        **card,
        "input_maps": list(INPUT_MAPS),
        "units": {name: UNITS[name] for name in (*INPUT_MAPS, "DVR")},
        "software": software_versions(),
        "commit": git_commit(),
        "weights_sha256": file_hash(folder / WEIGHTS),
    }
    write_json(folder / CARD, card)
    return card


def load_model(folder, *, method=None):
    """Read a model and check that card and weights belong together.

    Parameters
    ----------
    folder : folder with ``model.safetensors`` and ``model.json``
    method : the method expected, optional

    Returns
    -------
    (dict of numpy arrays, dict) : tensors and card

    Raises
    ------
    InputError : a file is absent, the card does not match the weights, or it is of another method, map
        order or units
    """
    folder = Path(folder)
    for name in (WEIGHTS, CARD):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder / name} does not exist: train the model, or give the folder of a trained one."
            )
    card = read_json(folder / CARD)
    found = file_hash(folder / WEIGHTS)
    if card.get("weights_sha256") != found:
        raise InputError(
            f"{folder / CARD} describes weights with SHA-256 {str(card.get('weights_sha256'))[:12]}, but "
            f"{WEIGHTS} has {found[:12]}: card and weights are of different models; copy both again or "
            "train anew."
        )
    if method is not None and card.get("method") != method:
        raise InputError(f"{folder / CARD} is a model of the method {card.get('method')}; expected {method}.")
    if card.get("input_maps") != list(INPUT_MAPS):
        raise InputError(
            f"{folder / CARD} has the input maps {card.get('input_maps')}; expected {list(INPUT_MAPS)}."
        )
    units = {name: UNITS[name] for name in (*INPUT_MAPS, "DVR")}
    if card.get("units") != units:
        raise InputError(f"{folder / CARD} has the units {card.get('units')}; expected {units}.")
    return load_file(folder / WEIGHTS), card


def git_commit():
    """Commit of the code, or None outside a repository."""
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


def split_card(names):
    """Entry of the card for the training scans: which, and their hash."""
    return {"train": list(names), "sha256": text_hash(sorted(names))}


def value_ranges(scans):
    """Smallest and largest value per map inside the training brains: what the model has seen."""
    ranges = {}
    for index, name in enumerate(INPUT_MAPS):
        values = [scan.maps[index][scan.brain] for scan in scans]
        ranges[name] = [float(min(part.min() for part in values)), float(max(part.max() for part in values))]
    values = [scan.dvr[scan.brain] for scan in scans]
    ranges["DVR"] = [float(min(part.min() for part in values)), float(max(part.max() for part in values))]
    return ranges


def text_hash(content):
    """SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
