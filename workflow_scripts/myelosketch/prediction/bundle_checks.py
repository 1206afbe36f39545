"""Check that the manifest of a bundle is complete and valid, and that it matches the models."""

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import myelosketch
from myelosketch.errors import InputError
from myelosketch.learning.ladder import GENERATORS, needed_models
from myelosketch.learning.models import CARD, check_maps
from myelosketch.prediction.bundle_layout import FORMAT, MANIFEST, model_file

SHA256 = re.compile("[0-9a-f]{64}")
MOST = 10**300
ANOTHER_COPY = "ask for another copy"


def check_format(path: str, manifest: Any) -> None:
    """Raise an error unless a manifest has the format that this version reads."""
    if not isinstance(manifest, dict):
        raise InputError(f"{path} has a {MANIFEST} that is not a JSON object: {ANOTHER_COPY}.")
    found = manifest.get("format")
    if is_whole(found) and found > FORMAT:
        software = manifest.get("software")
        version = software.get("myelosketch") if isinstance(software, dict) else None
        raise InputError(
            f"{path} was written by a newer myelosketch {version or '(version unknown)'}: it has the format {found}, "
            f"but this version ({myelosketch.__version__}) reads format {FORMAT}; update myelosketch."
        )
    if found != FORMAT or not is_whole(found):
        raise InputError(
            f"{path} has the format {found!r}; this version ({myelosketch.__version__}) reads format {FORMAT}: "
            f"{ANOTHER_COPY}."
        )


def check_manifest(path: str, manifest: Mapping[str, Any]) -> None:
    """Check every entry of a manifest that enters a computation.

    Parameters
    ----------
    path : of the bundle, for messages
    manifest : dict

    Raises
    ------
    InputError : an entry is absent or of another type, or map order or units differ from those of this version
    """
    check_maps(path, manifest)
    for key, (is_right, expected) in _ENTRIES.items():
        value = manifest.get(key)
        if not is_right(value):
            raise InputError(
                f"{path} has {key} {reprlib.repr(value)} in {MANIFEST}; expected {expected}: {ANOTHER_COPY}."
            )
    if manifest["models"] != needed_models([manifest["method"]]):
        raise InputError(
            f"{path} has the models {manifest['models']}; the method {manifest['method']} needs "
            f"{needed_models([manifest['method']])}: {ANOTHER_COPY}."
        )


def check_cards(path: str, manifest: Mapping[str, Any], cards: Mapping[int, Mapping[str, Any]]) -> None:
    """Check that the models of a bundle belong together.

    Parameters
    ----------
    path : of the bundle, for messages
    manifest : dict, checked
    cards : dict, fold -> method -> card

    Raises
    ------
    InputError : a card belongs to another fold, has other input maps or lacks an entry that a prediction needs, or a
        refiner was trained on the maps of another sketcher
    """
    for fold, of_fold in cards.items():
        for method, card in of_fold.items():
            name = f"{path}/{model_file(fold, method, CARD)}"
            if card.get("fold") != fold:
                raise InputError(
                    f"{name} belongs to fold {card.get('fold')}; expected fold {fold}: train again."
                )
            if card["input_maps"] != manifest["input_maps"]:
                raise InputError(
                    f"{name} has the input maps {card['input_maps']}; expected those of the bundle, "
                    f"{manifest['input_maps']}: train again."
                )
            for entry in ("normalisation", "settings"):
                if not isinstance(card.get(entry), dict):
                    raise InputError(f"{name} has no {entry}, which a prediction needs: train again.")
            of_sketcher = of_fold["sketcher"]["weights_sha256"] if GENERATORS[method].refines else None
            if of_sketcher and card.get("sketcher_sha256") != of_sketcher:
                raise InputError(
                    f"{name} was not trained on the maps of the sketcher of fold {fold}: train again."
                )


def is_whole(value: Any, least: int = 0) -> TypeGuard[int]:
    """Return whether a value is a whole number of at least ``least``."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < MOST  # JSON sets no limit to whole numbers
    return isinstance(value, float) and math.isfinite(value)


def is_positive(value: Any) -> bool:
    """Return whether a value is a finite number above 0."""
    return is_number(value) and value > 0


def _is_list(value: Any, is_right: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_right, value))


def _is_healthy(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and is_number(value.get("mean"))
        and is_positive(value.get("sd"))
        and is_whole(value.get("n_voxels"), 2)
        and is_whole(value.get("n_controls"), 1)
    )


def _are_settings(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and is_number(value.get("k"))
        and is_number(value.get("min_lesion_mm3"))
        and _is_list(value.get("lesion_sizes_mm3"), is_positive)
        and isinstance(value.get("flips"), bool)
        and isinstance(value.get("regions"), dict)
    )


def _are_files(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(file, dict)
        and is_whole(file.get("bytes"))
        and isinstance(file.get("sha256"), str)
        and SHA256.fullmatch(file["sha256"])
        for file in value.values()
    )


def _are_folds(value: Any) -> bool:
    return _is_list(value, lambda fold: is_whole(fold, 1)) and value == sorted(set(value))


_ENTRIES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "method": (lambda v: isinstance(v, str) and v in GENERATORS, f"one of {', '.join(GENERATORS)}"),
    "models": (lambda v: _is_list(v, lambda name: isinstance(name, str)), "a list of methods"),
    "folds": (_are_folds, "a list of increasing whole numbers"),
    "voxel_mm": (lambda v: _is_list(v, is_positive) and len(v) == 3, "three sizes in mm"),
    "pet_fwhm_mm": (lambda v: is_number(v) and v >= 0, "a width in mm"),
    "simulated": (lambda v: isinstance(v, bool), "true or false"),
    "n_patients": (is_whole, "a number of participants"),
    "n_controls": (lambda v: is_whole(v, 1), "a number of participants, at least 1"),
    "healthy": (_is_healthy, "mean, sd, n_voxels and n_controls of healthy white matter"),
    "settings": (_are_settings, "k, min_lesion_mm3, lesion_sizes_mm3, flips and regions"),
    "training_range": (lambda v: isinstance(v, dict), "a description of the maps of the training scans"),
    "software": (lambda v: isinstance(v, dict), "names of software and their versions"),
    "purpose": (lambda v: isinstance(v, str), "a sentence"),
    "licence": (lambda v: isinstance(v, str), "a sentence"),
    "files": (_are_files, "sha256 and bytes of each file"),
}
