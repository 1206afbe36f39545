"""The diffusion series of a simulated participant, volume by volume (docs/simulation.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from myelosketch.simulation import physics
from myelosketch.simulation.distortion import PHASE_ENCODING, TOTAL_READOUT_S, Distortion, off_resonance
from myelosketch.simulation.gradients import B_UNIT, gradient_scheme, noise_share
from myelosketch.simulation.grey import tissue_values
from myelosketch.simulation.scanner import Grid, acquire, magnitude, rigid, whole_numbers

WHITE_S0 = 1000.0  # signal of healthy white matter without diffusion weighting, arbitrary units
HEAD_RADIUS_MM = 80.0  # distance from the centre at which the displacement by eddy currents is stated
SMALLEST_SHARE = 1e-3
DEPTH_SMOOTHING_MM = 1.5


class DiffusionSignal:
    """Signal of each anatomy voxel for any gradient: an axially symmetric tensor per tissue, and free water.

    In white matter S = S0 [(1-w) exp(-b g'Dg) + w exp(-3 b)] with b in ms/um2; the axis of D is the fibre direction.
    Cortex and deep nuclei have no free water, and their axis is perpendicular to the cortex (assumed). CSF is pure
    free water. Tissues mix as signal.
    """

    def __init__(
        self,
        fractions: Mapping[str, np.ndarray],
        latents: Mapping[str, np.ndarray],
        orientation: np.ndarray,
        voxel: float,
        tissues: Mapping[str, Mapping[str, Any]] = physics.TISSUES,
        coefficients: physics.Physics = physics.PHYSICS,
    ) -> None:
        """Prepare the tissue parameters of every brain voxel.

        ``fractions`` and ``latents`` are dicts of arrays (x, y, z). ``orientation`` (3, x, y, z) holds unit vectors,
        or 0. ``voxel`` is the voxel side, mm. ``tissues`` has the form of ``physics.TISSUES``; its AD and RD are
        numbers or arrays (x, y, z).
        """
        self._shape = fractions["white"].shape
        self._where = inside = sum(fractions.values()) > SMALLEST_SHARE
        self._fibre = orientation[:, inside]
        self._across = across_cortex(fractions, voxel)[:, inside]
        m, a, w, c = (latents[name][inside] for name in ("myelin", "axons", "water", "coherence"))
        axial, radial = physics.tissue_diffusivities(m, a, c, coefficients)
        white = fractions["white"][inside]
        self._white = white * (1 - w), radial, axial - radial  # amount, RD, AD - RD
        self._free = white * w
        self._grey: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for name in ("cortex", "deep", "csf"):
            values = tissues[name]
            amount = fractions[name][inside] * np.float32(values["S0"] / 100)
            if name == "csf":
                self._free = self._free + amount
            else:
                axial, radial = (np.broadcast_to(values[key], self._shape)[inside] for key in ("AD", "RD"))
                self._grey.append((amount, radial.astype(np.float32), (axial - radial).astype(np.float32)))

    def __call__(self, b_value: float, direction: np.ndarray) -> np.ndarray:
        """Return the signal (x, y, z), float32, in units of healthy white matter without diffusion weighting.

        ``b_value`` in s/mm2; ``direction`` (3,) in the anatomy's world, of length 1 where b is not 0.
        """
        b = np.float32(b_value / B_UNIT)
        values = self._free * np.exp(-b * np.float32(physics.FREE_WATER))
        along, across = _alignment(self._fibre, direction), _alignment(self._across, direction)
        for (amount, radial, excess), turned in ((self._white, along), *((g, across) for g in self._grey)):
            values = values + amount * np.exp(-b * (radial + excess * turned))
        result = np.zeros(self._shape, np.float32)
        result[self._where] = values
        return result


def _alignment(axes: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the squared cosine between a gradient and axes (3, n); its mean, 1/3, where there is no axis."""
    values = (np.asarray(direction, np.float32) @ axes) ** 2
    values[~axes.any(axis=0)] = 1 / 3
    return values


def across_cortex(fractions: Mapping[str, np.ndarray], voxel: float) -> np.ndarray:
    """Return the direction from CSF to white matter: (3, x, y, z), float32, unit vectors; 0 where there is none."""
    depth = ndimage.gaussian_filter(fractions["white"] - fractions["csf"], DEPTH_SMOOTHING_MM / voxel)
    slope = np.stack(np.gradient(depth))
    length = np.sqrt((slope**2).sum(axis=0))
    return slope / np.where(length > 1e-6, length, np.inf)


def head_motion(settings: Mapping[str, Any], n: int, rng: np.random.Generator) -> np.ndarray:
    """Return the motion of the head during the diffusion series: a random walk from 0 (assumed).

    Parameters
    ----------
    settings : section ``dwi``: ``motion_deg`` and ``motion_mm``, each the SD over the series
    n : number of volumes
    rng : numpy.random.Generator

    Returns
    -------
    array (n, 6): rotations (degrees) about x, y, z and shifts (mm); zeros where the settings are 0
    """
    walk = np.cumsum(rng.standard_normal((n, 6)), axis=0)
    walk = walk - walk[:1]  # the first volume is in the true pose
    sizes = np.repeat([settings["motion_deg"], settings["motion_mm"]], 3)
    return sizes * walk / np.maximum(walk.std(axis=0), 1e-9)


def eddy_transform(
    displacement_mm: float, b_value: float, direction: np.ndarray, largest_b: float
) -> np.ndarray:
    """Return the shear and stretch (4, 4) along the phase-encoding axis by eddy currents of one gradient (assumed).

    With the largest b-value, the displacement at HEAD_RADIUS_MM from the centre, along the gradient, is
    ``displacement_mm``.
    """
    transform = np.eye(4)
    transform[1, :3] += displacement_mm / HEAD_RADIUS_MM * b_value / largest_b * np.asarray(direction)
    return transform


def acquire_dwi(
    body: Mapping[str, Any],
    brain: np.ndarray,
    grid: Grid,
    settings: Mapping[str, Any],
    diffusion_noise: float,
    rngs: Sequence[np.random.Generator],
) -> dict[str, Any]:
    """Return the 4-D diffusion series.

    Gradients are fixed to the scanner. Pose and motion turn the fibres relative to them.

    Parameters
    ----------
    body : dict of ``participant.simulate_body``
    brain : array (x, y, z), brain's share
    grid : Grid
    settings : section ``dwi``
    diffusion_noise : SD of AD and RD that the noise has to cause where ``snr`` is null, 1e-3 mm2/s
    rngs : two numpy.random.Generator: noise, motion

    Returns
    -------
    dict : ``data`` (x, y, z, n) int16, ``b_values`` (n,), ``directions`` (n, 3) in the scanner's world,
        ``motion`` (n, 6), ``field`` (x, y, z; Hz) or None, ``snr`` of white matter at b = 0 (None: no noise)
    """
    anatomy = body["anatomy"]
    affine = anatomy.affine
    b_values, directions = gradient_scheme(settings)
    motion = head_motion(settings, len(b_values), rngs[1])
    field = off_resonance(grid, settings["distortion_hz"]) if settings["distortion_hz"] else None
    distort = Distortion(field) if field is not None else None
    share = noise_share(settings, diffusion_noise)
    coefficients = body.get("physics", physics.PHYSICS)
    signal = DiffusionSignal(
        anatomy.fractions,
        body["latents"],
        anatomy.orientation,
        anatomy.voxel,
        tissue_values(body.get("grey"), coefficients),
        coefficients,
    )
    data = np.zeros((*grid.shape, len(b_values)), np.int16, order="F")
    inside = None
    for k, (b, direction) in enumerate(zip(b_values, directions, strict=True)):
        turned = grid.moved(rigid(motion[k, :3], motion[k, 3:]))
        seen_by_fibres = turned.pose[:3, :3].T @ direction
        if settings["eddy_mm"]:
            turned = turned.moved(eddy_transform(settings["eddy_mm"], b, direction, b_values.max()))
        if inside is None or motion[k].any() or settings["eddy_mm"]:
            inside = _seen(brain, affine, turned, distort) > 0.5
        exact = _seen(signal(b, seen_by_fibres), affine, turned, distort)
        noisy = magnitude(exact, share, rngs[0], fwhm=settings["noise_fwhm_mm"], voxel=grid.voxel)
        data[..., k] = whole_numbers(WHITE_S0 * noisy, inside)
    snr = 1 / share if share else None
    return dict(data=data, b_values=b_values, directions=directions, motion=motion, field=field, snr=snr)


def _seen(volume: np.ndarray, affine: np.ndarray, grid: Grid, distort: Distortion | None) -> np.ndarray:
    seen = acquire(volume, affine, grid)
    return distort(seen) if distort else seen


def dwi_parameters(series: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sequence parameters for the sidecar."""
    return {
        "PhaseEncodingDirection": PHASE_ENCODING,
        "TotalReadoutTime": TOTAL_READOUT_S,
        "NumberOfDirections": settings["n_directions"],
        "SignalToNoiseRatio": series["snr"],
        "GradientConvention": "FSL: voxel axes, x reversed because the affine is right-handed",
    }
