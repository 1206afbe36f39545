"""Lesions of a simulated patient: their number, sizes, places, kinds and shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.simulation import lesion_statistics as measured
from myelosketch.simulation.anatomy import Anatomy, build_anatomy
from myelosketch.simulation.fields import stream
from myelosketch.simulation.lesion_shapes import LesionGround, foci
from myelosketch.simulation.settings import LESION_LOADS

CANDIDATE_SETS = 400  # sets of volumes drawn for a patient; the one nearest to the load is used
LARGEST_SHARE_OF_WHITE_MATTER = 0.2


@dataclass(frozen=True)
class Kind:
    """State of a lesion's core (healthy is 1, for water 0) and how often the kind occurs (assumed)."""

    share: float
    myelin: float
    axons: float
    water: float
    edge: float  # share of the core's change that is present at the border
    coherence: float = 0.83  # relative to the surroundings
    periventricular: float = 1.0  # factors on the share by place
    juxtacortical: float = 1.0
    deep: float = 1.0


KINDS = {
    "active": Kind(0.14, 0.55, 0.85, 0.20, 0.60),
    "demyelinated": Kind(0.38, 0.03, 0.75, 0.12, 0.78),
    "partly_remyelinated": Kind(0.26, 0.10, 0.80, 0.12, 0.78),
    "remyelinated": Kind(0.12, 0.38, 0.80, 0.11, 0.78, deep=1.6),
    "black_hole": Kind(0.10, 0.03, 0.20, 0.60, 0.78, coherence=0.65, periventricular=1.6, juxtacortical=1.3),
}
# SD of the core's state between lesions of a kind (water: of its logarithm; assumed)
BETWEEN = {"myelin": 0.12, "axons": 0.28, "water": 0.35, "coherence": 0.32}
# SD of the state inside a lesion (water: of its logarithm; assumed)
WITHIN = {"myelin": 0.19, "axons": 0.28, "water": 0.25}
# power of the severity by which each changes (assumed): myelin is lost up to the border, water gathers in the core
PROFILE = {"myelin": 0.7, "axons": 1.0, "water": 1.4}
WITHIN_FWHM_MM = 6.0  # width of the variation inside a lesion


@dataclass(frozen=True)
class Lesions:
    """Lesions of one participant on the anatomy grid."""

    labels: np.ndarray  # (x, y, z), int16: 0 outside lesions, else row of the table (from 0) + 1
    member: np.ndarray  # (x, y, z), float32, share of the voxel that a lesion fills
    severity: np.ndarray  # (x, y, z), float32, 0 outside, 1 in the core
    # kind, volume_mm3, ventricle_distance_mm, x_mm, y_mm, z_mm, and the core's state
    table: list[dict[str, Any]]


def lesion_volumes(total: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the volumes of one patient's lesions, each a connected component, whose sum is the given load.

    Their number follows from the load by the measured regression. Many sets of volumes are drawn by the measured
    percentiles. The set with the nearest sum is used, and its volumes are raised to a power that meets the load.

    Parameters
    ----------
    total : load, mm3
    rng : numpy.random.Generator

    Returns
    -------
    array (n,), mm3, largest first, each at least SMALLEST_MM3
    """
    smallest = measured.SMALLEST_MM3
    count = min(measured.draw_count(total / 1000, rng), max(1, int(total / (2 * smallest))))
    sets = measured.draw_volumes(count, rng, CANDIDATE_SETS)
    relative = np.log(sets[np.abs(np.log(sets.sum(axis=1) / total)).argmin()] / smallest)
    low, high = 0.0, 10.0
    for _ in range(60):
        power = (low + high) / 2
        low, high = (power, high) if smallest * np.exp(power * relative).sum() < total else (low, power)
    volumes = smallest * np.exp(high * relative)
    return np.sort(volumes * total / volumes.sum())[::-1]


def lesion_load(settings: Mapping[str, Any], rng: np.random.Generator) -> float:
    """Draw the total lesion volume of a patient in mL: log-normal, drawn again until it is within the limits."""
    median, log_sd, largest = LESION_LOADS[settings["lesion_load"]]
    while True:
        load = median * np.exp(log_sd * rng.standard_normal())
        if settings["lesion_load_min_ml"] <= load <= largest:
            return float(load)


def simulate_lesions(subject: str, settings: Mapping[str, Any], seed: int) -> tuple[np.ndarray, Anatomy]:
    """Return the lesions and anatomy of one patient, as in the cohort, without tissue state and scans.

    Parameters
    ----------
    subject : str such as "MS01"
    settings : completed settings of the simulation
    seed : int

    Returns
    -------
    labels : array (x, y, z), int16, 0 outside lesions
    anatomy : Anatomy
    """
    anatomy = build_anatomy("MS", settings, stream(seed, subject, "anatomy"))
    rng = stream(seed, subject, "lesions")
    return place_lesions(anatomy, lesion_load(settings, rng), rng).labels, anatomy


def place_lesions(anatomy: Anatomy, total_ml: float, rng: np.random.Generator) -> Lesions:
    """Place lesions of a given total volume in the white matter, the largest first.

    Lesions do not touch while there is white matter apart from the others, so each is one connected component of the
    volume drawn for it. A large lesion consists of several foci that have grown together.

    Parameters
    ----------
    anatomy : Anatomy
    total_ml : float, load, mL
    rng : numpy.random.Generator

    Returns
    -------
    Lesions

    Raises
    ------
    InputError : more lesion than the white matter can hold
    """
    white, voxel = anatomy.fractions["white"], anatomy.voxel
    ground = LesionGround(anatomy, rng)
    white_ml = ground.free.sum() * voxel**3 / 1000
    if total_ml > LARGEST_SHARE_OF_WHITE_MATTER * white_ml:
        raise InputError(
            f"simulation.lesion_load gives {total_ml:.0f} mL of lesions in {white_ml:.0f} mL of white matter "
            f"(at most {LARGEST_SHARE_OF_WHITE_MATTER:.0%} may be lesion): choose a smaller load."
        )
    labels = np.zeros(white.shape, np.int16)
    member, severity = np.zeros(white.shape, np.float32), np.zeros(white.shape, np.float32)
    table: list[dict[str, Any]] = []
    left = 0.0  # the remainder that whole voxels leave goes to the next lesion, so that the load is exact
    for drawn in lesion_volumes(total_ml * 1000, rng):
        volume = drawn + left
        where = ground.take(volume, rng)
        room = len(where[0]) * voxel**3
        filled = min(1.0, volume / room)
        left = volume - filled * room
        for focus, radius in foci(where, volume, voxel, rng):
            centre = np.array([axis[radius.argmin()] for axis in focus])
            kind = _draw_kind(anatomy, tuple(centre), rng)
            edge = KINDS[kind].edge
            labels[focus], member[focus] = len(table) + 1, filled
            severity[focus] = filled * (edge + (1 - edge) * np.clip(2 * (1 - radius), 0, 1))
            table.append(_row(anatomy, kind, centre, len(radius) * filled * voxel**3, rng))
    return Lesions(labels, member, severity, table)


def _draw_kind(anatomy: Anatomy, voxel: tuple[int, ...], rng: np.random.Generator) -> str:
    """Draw the kind of a lesion by its place: black holes near ventricles and cortex, remyelination in deep parts."""
    if anatomy.ventricle_distance[voxel] < 5:
        place = "periventricular"
    elif anatomy.cortex_distance[voxel] < 3:
        place = "juxtacortical"
    else:
        place = "deep"
    weights = np.array([kind.share * getattr(kind, place) for kind in KINDS.values()])
    return str(rng.choice(list(KINDS), p=weights / weights.sum()))


def _row(
    anatomy: Anatomy, kind: str, centre: np.ndarray, volume: float, rng: np.random.Generator
) -> dict[str, Any]:
    """Return a row of the lesion table, with the state of the lesion's core."""
    core = {}
    for name in ("myelin", "axons"):
        core[name] = np.clip(getattr(KINDS[kind], name) + BETWEEN[name] * rng.standard_normal(), 0, 1.1)
    # relative to the surroundings: fibres may cross or splay more, or less, than before
    coherence = KINDS[kind].coherence + BETWEEN["coherence"] * rng.standard_normal()
    core["coherence"] = np.clip(coherence, 0.35, 1.35)
    core["water"] = min(KINDS[kind].water * np.exp(BETWEEN["water"] * rng.standard_normal()), 0.7)
    x, y, z = (anatomy.affine @ [*centre, 1])[:3]
    return {
        "kind": kind,
        "volume_mm3": float(volume),
        "ventricle_distance_mm": float(anatomy.ventricle_distance[tuple(centre)]),
        "x_mm": x,
        "y_mm": y,
        "z_mm": z,
        "core": core,
    }


def expert_mask(member: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the lesion mask as an expert would draw it: the voxels that lesion fills most, up to its volume.

    Voxels less than a quarter filled are left out, unless no voxel is filled more.

    Parameters
    ----------
    member : array (x, y, z), share of each voxel that is lesion, on the grid of the mask
    inside : array (x, y, z), bool, the brain

    Returns
    -------
    array (x, y, z), bool; never empty if a voxel of the brain holds lesion
    """
    wanted = max(1, round(float(member.sum(dtype=np.float64))))
    values = np.where(inside, member, 0)
    ordered = np.sort(values[values > 0])[::-1]
    threshold = max(ordered[min(wanted, len(ordered)) - 1], min(0.25, ordered[0])) if len(ordered) else np.inf
    return values >= threshold
