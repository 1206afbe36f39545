"""Settings of the simulated cohort: their defaults and their checks, whose messages name the key."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from myelosketch.errors import InputError
from myelosketch.simulation.kinetics import LOGAN_START_MIN, late_frames
from myelosketch.simulation.physics import PHYSICS, Physics
from myelosketch.simulation.worlds import AS_PUBLISHED, WORLDS, with_world

LESION_LOADS = {
    # median (mL), SD of the natural logarithm, largest accepted load (mL)
    "early": (5.0, 1.0, 30.0),  # assumed: patients of early cohorts have 4-8 mL
    "clinical": (8.5, 1.47, 80.0),  # measured in 30 patients (Lesjak 2017: log mean 2.14, log SD 1.47)
}

CHOICES = {
    "world": tuple(WORLDS),
    "level": ("maps", "signals"),
    "lesion_load": tuple(LESION_LOADS),
    "follow_up.kind": ("none", "unchanged", "demyelinating", "remyelinating"),
}

# settings that are or may be a list, and what it holds
LISTS = {"dwi.b_value": "b-values in s/mm2", "frames": "durations of the PET frames in s"}
WHOLE = ("dwi.b_value",)
FEWEST_LATE_FRAMES = 3  # a straight line through fewer points is no fit

DEFAULTS = {
    "world": AS_PUBLISHED,
    "level": "maps",
    "n_patients": 18,
    "n_controls": 10,
    "voxel_size_mm": {"anatomy": 1.5, "T1w": 1.5, "dwi": 2.0, "MTR": 2.0, "pet": 2.5},
    "pose": {"rotation_deg": 10.0, "translation_mm": 8.0},
    "anatomy": {"warp_sd_mm": 3.0, "brain_scale_sd": 0.025, "ventricle_growth_mm": {"MS": 1.2, "HC": 0.0}},
    "lesion_load": "early",
    "lesion_load_min_ml": 3.0,
    "follow_up": {"kind": "none", "change": 0.3},
    "mri": {
        "diffusion_noise": 0.05,
        "b1_range": 0.08,
        "mtr_noise": 2.5,
        "mtr_gain_sd": 1.0,
        "mtr_offset": 0.0,
        "t1w_noise_percent": 2.0,
        "t1w_bias_percent": 10.0,
        "flair_noise_percent": 3.0,
        "flair_bias_percent": 12.0,
    },
    "dwi": {
        "n_directions": 32,
        "n_b0": 4,
        "b_value": 1000,
        "snr": None,
        "noise_fwhm_mm": 3.0,
        "motion_mm": 0.0,
        "motion_deg": 0.0,
        "eddy_mm": 0.0,
        "distortion_hz": 0.0,
    },
    "mt": {"snr": None},
    "frames": [15] * 4 + [30] * 4 + [60] * 3 + [120] * 2 + [300] * 12,
    "pet": {
        "blur_fwhm_mm": 2.5,
        "noise_sd": 0.12,
        "noise_fwhm_mm": 5.0,
        "unseen_sd": None,
        "unseen_fwhm_mm": 8.0,
        "gain_sd": None,
        "gain_mean": 1.0,
    },
    "physics": {},
}

# smallest and largest accepted value, both included; voxels above 8 mm are too large for the cortex
BOUNDS = {
    "n_patients": (0, 9999),
    "n_controls": (0, 9999),
    "voxel_size_mm": (0.8, 8.0),
    "pose.rotation_deg": (0, 20),
    "pose.translation_mm": (0, 15),
    "anatomy.warp_sd_mm": (0, 5),
    "anatomy.brain_scale_sd": (0, 0.05),
    "anatomy.ventricle_growth_mm": (-1, 3),
    "lesion_load_min_ml": (0.1, 10),
    "follow_up.change": (0, 1),
    "mri": (0, 50),
    "mri.diffusion_noise": (0, 0.3),
    "mri.b1_range": (0, 0.3),
    "mri.mtr_noise": (0, 10),
    "mri.mtr_gain_sd": (0, 5),
    "mri.mtr_offset": (-10, 10),
    "dwi.n_directions": (6, 512),
    "dwi.n_b0": (1, 64),
    "dwi.b_value": (100, 5000),
    "dwi.snr": (2, 1000),
    "dwi.noise_fwhm_mm": (0, 12),
    "dwi.motion_mm": (0, 5),
    "dwi.motion_deg": (0, 5),
    "dwi.eddy_mm": (0, 5),
    "dwi.distortion_hz": (0, 100),
    "mt.snr": (2, 1000),
    "frames": (1, 3600),
    "pet.blur_fwhm_mm": (0, 12),
    "pet.noise_sd": (0, 1),
    "pet.noise_fwhm_mm": (0, 12),
    "pet.unseen_sd": (0, 0.3),
    "pet.unseen_fwhm_mm": (2, 40),
    "pet.gain_sd": (0, 0.3),
    "pet.gain_mean": (0.8, 1.2),
}

# accepted range of the coefficients of the forward model, as a multiple of the usual ones ...
COEFFICIENT_RANGE = (0.3, 3.0)
BOUNDS |= {
    f"physics.{name}": (round(COEFFICIENT_RANGE[0] * usual, 6), round(COEFFICIENT_RANGE[1] * usual, 6))
    for name, usual in asdict(PHYSICS).items()
}
# ... except where multiples would give negative maps, faster diffusion than in free water, or a DVR far from the
# reference
BOUNDS |= {
    "physics.axial": (0.4, 2.5),
    "physics.mtr_water": (0.3, 1.25),
    "physics.mtr_scale": (0.3, 1.5),
    "physics.dvr_base": (0.5, 1.5),
    "physics.dvr_water": (0.15, 1.25),
}
LARGEST_MTR = 70.0  # percent, of healthy white matter


def complete_settings(settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the defaults, overridden by the given settings, after a check of every value.

    Parameters
    ----------
    settings : dict, the section ``simulation`` of the configuration, or a part of it

    Returns
    -------
    dict : nested like DEFAULTS, with every key; the settings of the world have their values

    Raises
    ------
    InputError : unknown key or impossible value; the message names the key
    """
    completed = _overlay(DEFAULTS, settings or {}, "")
    _check_physics(Physics(**completed["physics"]))
    late = int(late_frames(completed["frames"]).sum())
    if late < FEWEST_LATE_FRAMES:
        raise InputError(
            f"simulation.frames has {late} frames from {LOGAN_START_MIN:g} min on; expected at least "
            f"{FEWEST_LATE_FRAMES} for the Logan plot: add frames."
        )
    return with_world(completed)


def _overlay(defaults: Mapping[str, Any], given: Mapping[str, Any], above: str) -> dict[str, Any]:
    for key in given:
        if key not in defaults:
            near = difflib.get_close_matches(key, defaults, 1)
            hint = f"did you mean {above}{near[0]}?" if near else f"valid: {', '.join(defaults)}."
            raise InputError(f"simulation.{above}{key} is not a setting of the simulation: {hint}")
    result: dict[str, Any] = {}
    for key, default in defaults.items():
        value, name = given.get(key, default), f"{above}{key}"
        if name == "physics":
            result[key] = _coefficients(value)
        elif isinstance(default, dict):
            if not isinstance(value, dict):
                raise InputError(f"simulation.{name} is {value!r}; expected the keys {', '.join(default)}.")
            result[key] = _overlay(default, value, f"{name}.")
        elif name in CHOICES:
            if value not in CHOICES[name]:
                choices = " or ".join(CHOICES[name])
                raise InputError(f"simulation.{name} is {value!r}; expected {choices}: correct this key.")
            result[key] = value
        elif name in LISTS and isinstance(value, list):
            if not value:
                raise InputError(f"simulation.{name} is an empty list; expected {LISTS[name]}.")
            result[key] = [_checked_number(name, item, whole=name in WHOLE) for item in value]
        elif default is None and value is None:
            result[key] = None  # follows from other settings
        elif isinstance(default, list):
            raise InputError(f"simulation.{name} is {value!r}; expected a list of {LISTS[name]}.")
        else:
            result[key] = _checked_number(name, value, whole=isinstance(default, int))
    return result


def _coefficients(given: Any) -> dict[str, float]:
    """Return the coefficients of the forward model that differ from the usual ones, checked one by one."""
    usual = asdict(PHYSICS)
    if not isinstance(given, Mapping):
        raise InputError(f"simulation.physics is {given!r}; expected some of the keys {', '.join(usual)}.")
    complete = _overlay(usual, given, "physics.")
    return {name: complete[name] for name in given}


def _check_physics(physics: Physics) -> None:
    """Raise an error if coefficients that are possible one by one give an impossible tissue together."""
    if physics.radial >= physics.axial:
        raise InputError(
            f"simulation.physics.radial is {physics.radial:g} and physics.axial {physics.axial:g}; expected the "
            "radial diffusivity of healthy white matter below the axial one: correct these keys."
        )
    if physics.healthy_mtr > LARGEST_MTR:
        raise InputError(
            f"simulation.physics.mtr_* give healthy white matter an MTR of {physics.healthy_mtr:.0f} percent; "
            f"expected at most {LARGEST_MTR:g}: lower one of mtr_base, mtr_myelin, mtr_axons and mtr_scale."
        )


def _checked_number(name: str, value: Any, *, whole: bool) -> float:
    low, high = BOUNDS.get(name) or BOUNDS[name.rpartition(".")[0]]
    valid = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not (valid and math.isfinite(value) and low <= value <= high):
        kind = "a whole number" if whole else "a number"
        expected = f"{kind} from {low} to {high}"
        raise InputError(f"simulation.{name} is {value!r}; expected {expected}: correct this key.")
    return value if whole else float(value)
