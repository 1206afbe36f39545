"""Variants of the training for ablations: what differs from the configuration, and which models that changes."""

import copy

from myelosketch.errors import InputError
from myelosketch.learning.ladder import start_of


def variant_training(training, seed, changes, *, name):
    """The section ``training`` and the seed of a variant.

    Parameters
    ----------
    training : dict, the configuration's section
    seed : int, the configuration's
    changes : dict, keys of ``training`` as deep as needed, and ``seed``; what it does not say is taken from training
    name : of the variant, for messages

    Returns
    -------
    (dict, int)

    Raises
    ------
    InputError : a key that ``training`` does not have
    """
    changes = dict(changes)
    seed = int(changes.pop("seed", seed))
    return _merged(training, changes, f"ablations.variants.{name}"), seed


def model_settings(method, training, seed, shared):
    """All that shapes a model: two with the same are the same model.

    Parameters
    ----------
    method : "ridge" or a network
    training : dict, the section of the configuration
    seed : int
    shared : names of the keys of ``training`` that every network reads
    """
    if method == "ridge":  # no seed: its inner split is fixed
        return {key: training[key] for key in ("inputs", "ridge")}
    return {key: training[key] for key in (*shared, method)} | {"seed": seed}


def changed_models(methods, configured, variant, shared):
    """Those of ``methods`` that a variant must train anew: their settings differ, or those of what they start from.

    Parameters
    ----------
    methods : names
    configured, variant : (training, seed), as of `variant_training`
    shared : see `model_settings`

    Returns
    -------
    list of str, what a model starts from before it
    """
    changed = []
    for method in methods:
        start = start_of(method, variant[0][method])
        before = changed_models([start], configured, variant, shared) if start else []
        own = model_settings(method, *variant, shared) != model_settings(method, *configured, shared)
        changed += [name for name in (*before, *([method] if own or before else [])) if name not in changed]
    return changed


def _merged(settings, changes, where):
    merged = copy.deepcopy(settings)
    for key, value in changes.items():
        if key not in settings:
            raise InputError(f"{where}.{key} is no key of training; expected one of {', '.join(settings)}.")
        deeper = isinstance(settings[key], dict) and isinstance(value, dict)
        merged[key] = _merged(settings[key], value, f"{where}.{key}") if deeper else value
    return merged
