"""Variants of the training for ablations: what differs from the configuration, and which models that changes."""

import copy

from myelosketch.errors import InputError
from myelosketch.learning.ladder import needed_models

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


def changed_models(methods, configured, variant, shared):
    """Networks that a variant must train anew: their settings differ, or those of the sketcher they start from.

    Parameters
    ----------
    methods : names of networks that are scored
    configured, variant : dict, section ``training`` of each
    shared : names of the keys of ``training`` that every network reads

    Returns
    -------
    list of str, a sketcher before its refiner
    """

    def differs(method):
        return any(configured[key] != variant[key] for key in (*shared, method))

    return [name for name in needed_models(methods) if any(map(differs, needed_models([name])))]


def _merged(settings, changes, where):
    merged = copy.deepcopy(settings)
    for key, value in changes.items():
        if key not in settings:
            raise InputError(f"{where}.{key} is no key of training; expected one of {', '.join(settings)}.")
        deeper = isinstance(settings[key], dict) and isinstance(value, dict)
        merged[key] = _merged(settings[key], value, f"{where}.{key}") if deeper else value
    return merged
