"""What a scanner does to the maps: head pose, voxel averaging, point spread, bias fields and noise."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from myelosketch.simulation.anatomy import HEAD_CENTRE
from myelosketch.simulation.fields import FWHM_TO_SIGMA, smooth_field
from myelosketch.simulation.physics import diffusivity_from_signal, fractional_anisotropy

FIELD_OF_VIEW_MM = np.array([192.0, 228.0, 204.0])  # a head of the largest size in the largest pose
MODALITIES = ("T1w", "dwi", "MTR", "pet")
BIAS_FWHM_MM = 90.0  # width of the B1 and of the receive field
DIFFUSION_NOISE_FWHM_MM = 5.0  # a tensor fit of interpolated volumes has correlated errors (ours)
T1W_WHITE = 1000.0  # T1w of healthy white matter, arbitrary units


@dataclass(frozen=True)
class Grid:
    """Voxel grid of one modality in one head pose."""

    shape: tuple
    affine: np.ndarray  # (4, 4), voxel to the modality's world, mm, axis aligned (RAS)
    pose: np.ndarray  # (4, 4), anatomy world to the modality's world, mm
    voxel: float  # mm


def random_pose(settings, rng):
    """Rigid pose of the head: rotations about its centre and a shift, each uniform up to the given limit.

    Returns
    -------
    array (4, 4): anatomy world to the modality's world, mm
    """
    angles = rng.uniform(-1, 1, 3) * settings["rotation_deg"]
    shift = rng.uniform(-1, 1, 3) * settings["translation_mm"]
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    pose[:3, 3] = HEAD_CENTRE + shift - pose[:3, :3] @ HEAD_CENTRE
    return pose


def modality_grid(voxel, pose):
    """Grid of a modality: the field of view around the scanner's centre, the same for every participant."""
    shape = tuple(int(n) for n in np.ceil(FIELD_OF_VIEW_MM / voxel))
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = HEAD_CENTRE - voxel * (np.array(shape) - 1) / 2
    return Grid(shape, affine, pose, voxel)


def acquire(volume, affine, grid, *, psf_fwhm=0.0):
    """A map of the anatomy grid as seen on a modality's grid: blurred, voxel-averaged, interpolated once.

    The average over a voxel is a Gaussian of the same variance (side squared / 12) beyond that of the source
    voxel (ours).

    Parameters
    ----------
    volume : array (x, y, z) on the anatomy grid
    affine : (4, 4) of the anatomy grid
    grid : Grid
    psf_fwhm : point spread of the scanner, mm

    Returns
    -------
    array of grid.shape, float32; 0 beyond the anatomy
    """
    voxel = affine[0, 0]
    variance = (psf_fwhm * FWHM_TO_SIGMA) ** 2 + max(grid.voxel**2 - voxel**2, 0) / 12
    if variance > 0:
        volume = ndimage.gaussian_filter(volume, np.sqrt(variance) / voxel, mode="constant", truncate=3.5)
    to_source = np.linalg.inv(affine) @ np.linalg.inv(grid.pose) @ grid.affine
    return ndimage.affine_transform(
        volume, to_source[:3, :3], to_source[:3, 3], output_shape=grid.shape, order=1, mode="constant"
    )


def bias_field(grid, amplitude, rng):
    """Smooth factor around 1 that departs from it by ``amplitude`` at most."""
    field = smooth_field(grid.shape, grid.voxel, BIAS_FWHM_MM, rng)
    field = field - field.mean()
    return 1 + amplitude * field / np.abs(field).max()


def acquire_t1w(maps, brain, affine, grid, settings, rng):
    """T1w image (arbitrary units, int16; 0 outside the brain) with bias field and Rician noise."""
    inside = acquire(brain, affine, grid) > 0.5
    signal = T1W_WHITE / 100 * acquire(maps["T1w"], affine, grid)
    signal = signal * bias_field(grid, settings["t1w_bias_percent"] / 100, rng)
    sd = T1W_WHITE / 100 * settings["t1w_noise_percent"]
    noise = sd * rng.standard_normal((2, *grid.shape), dtype=np.float32)
    magnitude = np.hypot(signal + noise[0], noise[1])
    return np.where(inside, np.maximum(np.round(magnitude), 1), 0).astype(np.int16)


def acquire_diffusion(maps, brain, affine, grid, settings, rng):
    """Noisy AD, RD (1e-3 mm2/s) and the FA they give; 0 outside the brain.

    Returns
    -------
    dict of arrays of grid.shape, float32: FA, RD, AD, with AD the larger of the two
    """
    share = acquire(brain, affine, grid)
    inside = share > 0.5
    noisy = []
    for name in ("signal_AD", "signal_RD"):
        exact = diffusivity_from_signal(acquire(maps[name], affine, grid), share)
        noise = smooth_field(grid.shape, grid.voxel, DIFFUSION_NOISE_FWHM_MM, rng)
        noisy.append(np.where(inside, np.maximum(exact + settings["diffusion_noise"] * noise, 0.02), 0))
    axial, radial = np.maximum(*noisy), np.minimum(*noisy)
    result = {"FA": fractional_anisotropy(axial, radial), "RD": radial, "AD": axial}
    return {name: values.astype(np.float32) for name, values in result.items()}


def acquire_mtr(maps, brain, affine, grid, settings, rng):
    """MTR map (percent) with B1 error, a participant's offset and noise; 0 outside the brain."""
    share = acquire(brain, affine, grid)
    inside = share > 0.5
    exact = acquire(maps["MTR"], affine, grid) / np.where(inside, share, 1)
    offset = settings["mtr_gain_sd"] * np.clip(rng.standard_normal(), -2.5, 2.5)
    scaled = exact * bias_field(grid, settings["b1_range"], rng)
    noise = settings["mtr_noise"] * rng.standard_normal(grid.shape, dtype=np.float32)
    return np.where(inside, np.clip(scaled + offset + noise, 0.01, 100), 0).astype(np.float32)


def acquire_pet(visible, unseen, brain, affine, grid, settings, rngs):
    """Two measurements of the DVR and what lies behind them.

    Parameters
    ----------
    visible : array (x, y, z), DVR that MRI can know, on the anatomy grid
    unseen : array (x, y, z), part of the DVR that leaves no trace in MRI
    brain : array (x, y, z), brain's share
    affine, grid : anatomy affine and PET grid
    settings : section ``pet``
    rngs : three numpy.random.Generator: gain, first and second scan

    Returns
    -------
    dict of arrays of grid.shape, float32: ``visible`` (blurred), ``noisefree`` (with the unseen part and the
    participant's gain too), ``measured`` and ``rescan`` (noisefree with own noise); 0 outside the brain
    """
    fwhm = settings["blur_fwhm_mm"]
    inside = acquire(brain, affine, grid) > 0.5
    seen = acquire(visible, affine, grid, psf_fwhm=fwhm)
    # the gain is given as the SD it causes in healthy white matter
    gain = 1 + settings["gain_sd"] / 1.28 * np.clip(rngs[0].standard_normal(), -2.5, 2.5)
    noisefree = gain * (seen + acquire(unseen, affine, grid, psf_fwhm=fwhm))
    result = {"visible": seen, "noisefree": noisefree}
    for name, rng in zip(("measured", "rescan"), rngs[1:], strict=True):
        noise = settings["noise_sd"] * smooth_field(grid.shape, grid.voxel, settings["noise_fwhm_mm"], rng)
        result[name] = noisefree + noise
    return {name: np.where(inside, values, 0).astype(np.float32) for name, values in result.items()}
