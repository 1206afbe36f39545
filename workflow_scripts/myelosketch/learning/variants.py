"""Variants of the training for ablations: what differs from the configuration, and which models that changes."""

import copy

from myelosketch.errors import InputError
from myelosketch.learning.ladder import start_of

# name, among variants, of the training as it is configured
CONFIGURED = "configured"


def variant_training(training, changes, *, name):
    """The section ``training`` of a variant.

    Parameters
    ----------
    training : dict, the configuration's section
    changes : dict, keys of ``training`` as deep as needed; what it does not say is taken from training
    name : of the variant, for messages

    Returns
    -------
    dict

    Raises
    ------
    InputError : a key that ``training`` does not have
    """
    return _merged(training, changes, f"ablations.variants.{name}")


def model_settings(method, training, shared):
    """All that shapes a model beside its seed: two with the same are the same model.

    Parameters
    ----------
    method : "ridge" or a network
    training : dict, the section of the configuration
    shared : names of the keys of ``training`` that every network reads
    """
    keys = ("inputs", "ridge") if method == "ridge" else (*shared, method)
    return {key: training[key] for key in keys}


def changed_models(methods, configured, variant, shared):
    """Those of ``methods`` that a variant must train anew: their settings differ, or those of what they start from.

    Parameters
    ----------
    methods : names
    configured, variant : dict, section ``training`` of each
    shared : see `model_settings`

    Returns
    -------
    list of str, what a model starts from before it
    """
    changed = []
    for method in methods:
        start = start_of(method, variant[method])
        before = changed_models([start], configured, variant, shared) if start else []
        own = model_settings(method, variant, shared) != model_settings(method, configured, shared)
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
