"""Lesions of a simulated patient: how many, how large, where, of which kind and of which shape."""

from dataclasses import dataclass

import numpy as np

from myelosketch.errors import InputError
from myelosketch.simulation.fields import smooth_field
from myelosketch.simulation.settings import LESION_LOADS

# Volumes (mm3): mixture of two log-normals, cut at 3 mm3. Measured in 30 patients (Lesjak 2017): quantiles
# 5/25/50/75/95/99 % = 4.2/10/21.6/54/295/2589, or log-normal with mu 3.27, sigma 1.37 and a heavier tail.
# The mixture that reproduces these quantiles is ours.
BODY_MU, BODY_SIGMA = 3.0, 1.3
TAIL_SHARE, TAIL_MU, TAIL_SIGMA = 0.025, 7.6, 1.1
SMALLEST_MM3 = 3.0
AXIS_RATIO_MEDIAN, AXIS_RATIO_LOG_SD = 2.65, 0.3  # long / short axis; median measured in the same patients
# relative risk by distance (mm) from the lateral ventricles, same patients, mean of two alignments
RISK_EDGES_MM = (2, 5, 10, 15, 20, 30, 40)
RELATIVE_RISK = (3.3, 2.6, 2.4, 1.5, 0.9, 0.5, 0.3, 0.1)
LARGEST_SHARE_OF_WHITE_MATTER = 0.2
WHITE_ENOUGH = 0.6  # a voxel with less white matter holds no lesion


@dataclass(frozen=True)
class Kind:
    """State of the core of a lesion (1 = healthy, for water 0) and how often the kind occurs (ours)."""

    share: float
    myelin: float
    axons: float
    water: float
    edge: float  # share of the core's change that is left at the border
    periventricular: float = 1.0  # factors on the share by place
    juxtacortical: float = 1.0
    deep: float = 1.0


KINDS = {
    "active": Kind(0.14, 0.70, 0.85, 0.22, 0.50),
    "demyelinated": Kind(0.38, 0.05, 0.55, 0.13, 0.65),
    "partly_remyelinated": Kind(0.26, 0.20, 0.60, 0.13, 0.65),
    "remyelinated": Kind(0.12, 0.60, 0.65, 0.12, 0.65, deep=1.6),
    "black_hole": Kind(0.10, 0.04, 0.15, 0.31, 0.55, periventricular=1.6, juxtacortical=1.3),
}
# variation of the core between lesions of a kind, and inside a lesion (SD; water on its logarithm; ours)
BETWEEN = {"myelin": 0.12, "axons": 0.22, "water": 0.35, "coherence": 0.22}
WITHIN = {"myelin": 0.22, "axons": 0.22, "water": 0.30}
# myelin is lost up to the border, water gathers in the core: power of the severity for each (ours)
PROFILE = {"myelin": 0.7, "axons": 1.0, "water": 1.4}
WITHIN_FWHM_MM = 6.0
LESION_COHERENCE = 0.78


@dataclass(frozen=True)
class Lesions:
    """Lesions of one participant on the anatomy grid."""

    labels: np.ndarray  # (x, y, z), int16: 0 none, else row of the table + 1
    member: np.ndarray  # (x, y, z), float32, share of the voxel that a lesion fills
    severity: np.ndarray  # (x, y, z), float32, 0 outside, 1 in the core
    table: list  # of dict: kind, volume_mm3, ventricle_distance_mm, x_mm, y_mm, z_mm, and the core's state


def lesion_volumes(total, rng):
    """Volumes (mm3) of lesions drawn until their sum reaches ``total`` (the last is cut), largest first."""
    volumes, left = [], float(total)
    while left > 0:
        mu, sigma = (TAIL_MU, TAIL_SIGMA) if rng.random() < TAIL_SHARE else (BODY_MU, BODY_SIGMA)
        volume = np.exp(rng.normal(mu, sigma))
        if volume >= SMALLEST_MM3:
            volumes.append(max(min(volume, left), SMALLEST_MM3))
            left -= volume
    return np.sort(volumes)[::-1]


def lesion_load(settings, rng):
    """Total lesion volume of a patient in mL: log-normal, redrawn until it is between the accepted limits."""
    median, log_sd, largest = LESION_LOADS[settings["lesion_load"]]
    while True:
        load = median * np.exp(log_sd * rng.standard_normal())
        if settings["lesion_load_min_ml"] <= load <= largest:
            return float(load)


def place_lesions(anatomy, total_ml, rng):
    """Put lesions of a given total volume into the white matter.

    The largest are placed first; a lesion takes only voxels that no other has, so lesions that touch become
    confluent and the total is kept.

    Parameters
    ----------
    anatomy : Anatomy
    total_ml : float
    rng : numpy.random.Generator

    Returns
    -------
    Lesions

    Raises
    ------
    InputError : more lesion than the white matter can hold
    """
    white, voxel = anatomy.fractions["white"], anatomy.voxel
    free = white > WHITE_ENOUGH
    white_ml = free.sum() * voxel**3 / 1000
    if total_ml > LARGEST_SHARE_OF_WHITE_MATTER * white_ml:
        raise InputError(
            f"simulation.lesion_load gives {total_ml:.0f} mL of lesions in {white_ml:.0f} mL of white matter "
            f"(at most {LARGEST_SHARE_OF_WHITE_MATTER:.0%} may be lesion): choose a smaller load."
        )
    volumes = lesion_volumes(total_ml * 1000, rng)
    risk = np.take(RELATIVE_RISK, np.digitize(anatomy.ventricle_distance, RISK_EDGES_MM)) * white * free
    centres = rng.choice(risk.size, size=4 * len(volumes), p=(risk / risk.sum(dtype=np.float64)).ravel())
    ruggedness = 1 + 0.22 * smooth_field(white.shape, voxel, 6.0, rng)
    labels = np.zeros(white.shape, np.int16)
    member, severity = np.zeros(white.shape, np.float32), np.zeros(white.shape, np.float32)
    table = []
    candidates = iter(centres)
    for volume in volumes:
        flat = next((c for c in candidates if free.flat[c]), None)
        if flat is None:
            break
        centre = np.array(np.unravel_index(flat, white.shape))
        kind = _draw_kind(anatomy, tuple(centre), rng)
        where, radius = _grow(centre, volume, free, ruggedness, voxel, rng)
        labels[where], free[where] = len(table) + 1, False
        member[where] = min(1.0, volume / voxel**3)
        edge = KINDS[kind].edge
        severity[where] = member[where] * (edge + (1 - edge) * np.clip(2 * (1 - radius), 0, 1))
        table.append(_row(anatomy, kind, centre, len(radius) * member[where][0] * voxel**3, rng))
    return Lesions(labels, member, severity, table)


def _draw_kind(anatomy, voxel, rng):
    """Kind of a lesion by its place: black holes near ventricles and cortex, remyelination in deep parts."""
    if anatomy.ventricle_distance[voxel] < 5:
        place = "periventricular"
    elif anatomy.cortex_distance[voxel] < 3:
        place = "juxtacortical"
    else:
        place = "deep"
    weights = np.array([kind.share * getattr(kind, place) for kind in KINDS.values()])
    return str(rng.choice(list(KINDS), p=weights / weights.sum()))


def _grow(centre, volume, free, ruggedness, voxel, rng):
    """The free voxels nearest to the centre in a rugged ellipsoidal metric, as many as the volume asks for.

    Returns
    -------
    where : tuple of three index arrays
    radius : array, 0 in the centre, 1 at the border of a large lesion (small lesions are all core)
    """
    wanted = max(1, round(volume / voxel**3))
    ratio = AXIS_RATIO_MEDIAN * np.exp(AXIS_RATIO_LOG_SD * rng.standard_normal())
    metric = _ellipsoid(max(ratio, 1.0), rng)
    half = int(np.ceil(1.3 * (3 * volume / (4 * np.pi)) ** (1 / 3) * ratio ** (2 / 3) / voxel)) + 2
    while True:
        low = np.maximum(centre - half, 0)
        box = tuple(slice(a, b) for a, b in zip(low, np.minimum(centre + half + 1, free.shape), strict=True))
        local = np.argwhere(free[box])
        if len(local) >= wanted or half >= max(free.shape):
            break
        half *= 2
    index = tuple((local + low).T)
    offset = (local + low - centre) * voxel
    distance = np.sqrt(np.einsum("ij,jk,ik->i", offset, metric, offset)) * ruggedness[index]
    order = np.argsort(distance, kind="stable")[:wanted]
    chosen = distance[order]
    core = 1 - len(chosen) ** (-1 / 3)
    return tuple(axis[order] for axis in index), core * chosen / max(chosen.max(), 1e-6)


def _ellipsoid(ratio, rng):
    """Metric (3, 3) of an ellipsoid, one axis ``ratio`` times the two others, in a random direction."""
    axis = rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    along = np.outer(axis, axis)
    return along * ratio ** (-4 / 3) + (np.eye(3) - along) * ratio ** (2 / 3)


def _row(anatomy, kind, centre, volume, rng):
    """Row of the lesion table, with the state of this lesion's core."""
    core = {}
    for name in ("myelin", "axons"):
        core[name] = np.clip(getattr(KINDS[kind], name) + BETWEEN[name] * rng.standard_normal(), 0, 1.1)
    # fibres cross or splay more or less than before: coherence relative to the surroundings
    core["coherence"] = np.clip(LESION_COHERENCE + BETWEEN["coherence"] * rng.standard_normal(), 0.4, 1.1)
    core["water"] = min(KINDS[kind].water * np.exp(BETWEEN["water"] * rng.standard_normal()), 0.6)
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


def expert_mask(member, inside):
    """Lesion mask as an expert would draw it: the voxels most filled by lesion, as many as its volume.

    Parameters
    ----------
    member : array (x, y, z), share of each voxel that is lesion, on the grid to draw on
    inside : array (x, y, z), bool, the brain

    Returns
    -------
    array (x, y, z), bool; never empty if any voxel holds a lesion
    """
    wanted = max(1, round(float(member.sum(dtype=np.float64))))
    values = np.where(inside, member, 0)
    ordered = np.sort(values[values > 0])[::-1]
    threshold = max(ordered[min(wanted, len(ordered)) - 1], min(0.25, ordered[0])) if len(ordered) else np.inf
    return values >= threshold
