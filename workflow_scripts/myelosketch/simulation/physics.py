"""Forward model: from the state of the tissue to what MRI and PET would measure without noise (ours)."""

import numpy as np

B_VALUE = 1.0  # ms/um2, that is 1000 s/mm2: diffusivities in 1e-3 mm2/s times B_VALUE have no unit
FREE_WATER = 3.0  # diffusivity of free water at 37 degrees C, 1e-3 mm2/s

# tissues other than white matter: no latents, only their usual values (docs/simulation.md)
TISSUES = {
    "cortex": {"AD": 0.95, "RD": 0.73, "MTR": 32.5, "DVR": 1.00, "T1w": 68.0},
    "deep": {"AD": 0.95, "RD": 0.68, "MTR": 34.5, "DVR": 1.08, "T1w": 82.0},
    "csf": {"AD": FREE_WATER, "RD": FREE_WATER, "MTR": 1.0, "DVR": 0.45, "T1w": 22.0},
}
MAPS = ("AD", "RD", "MTR", "DVR", "T1w")


def apparent_diffusivity(tissue, water):
    """Diffusivity that a fit at b = 1000 sees when a share of the voxel is free water.

    Parameters
    ----------
    tissue : diffusivity of the tissue, 1e-3 mm2/s
    water : share of free water, 0-1

    Returns
    -------
    array, 1e-3 mm2/s : -ln((1-w) exp(-D) + w exp(-3))
    """
    return -np.log((1 - water) * np.exp(-B_VALUE * tissue) + water * np.exp(-B_VALUE * FREE_WATER)) / B_VALUE


def diffusivities(myelin, axons, water, coherence):
    """Axial and radial diffusivity of white matter.

    Parameters
    ----------
    myelin, axons : 1 = healthy, 0 = none
    water : share of free water, 0-1
    coherence : 1 = average healthy white matter, 0 = isotropic, up to 2 in the callosum; it moves both
        diffusivities away from their common mean

    Returns
    -------
    axial, radial : arrays, 1e-3 mm2/s
    """
    axial = 1.15 + 0.20 * (1 - axons) + 0.05 * (1 - myelin)
    radial = 0.52 + 0.18 * (1 - myelin) + 0.12 * (1 - axons)
    mean = (axial + 2 * radial) / 3
    axial, radial = mean + coherence * (axial - mean), mean + coherence * (radial - mean)
    return apparent_diffusivity(axial, water), apparent_diffusivity(radial, water)


def fractional_anisotropy(axial, radial):
    """FA of an axially symmetric tensor: |AD - RD| / sqrt(AD^2 + 2 RD^2); 0 where both are 0."""
    norm = np.sqrt(axial**2 + 2 * radial**2)
    return np.abs(axial - radial) / np.where(norm > 0, norm, 1)


def magnetisation_transfer_ratio(myelin, axons, water):
    """MTR of white matter in percent: myelin and axons raise it, free water dilutes it."""
    return (1 - water) * (22 + 12 * myelin + 6.8 * axons)


def distribution_volume_ratio(myelin, water):
    """DVR of [11C]PIB in white matter, relative to grey matter: binds to myelin, water dilutes by half."""
    return (1 - 0.5 * water) * (1.03 + 0.26 * myelin)


def t1w_intensity(myelin, axons, water):
    """T1w of white matter, healthy = 100: darker with loss of myelin, more of axons, and with water."""
    return 100 * (1 - 0.15 * (1 - myelin) - 0.30 * (1 - axons) - 0.60 * water)


def tissue_maps(fractions, latents):
    """Noise-free maps of a voxel grid as mixtures of its tissues.

    Diffusion mixes as signal (b = 1000), the others linearly.

    Parameters
    ----------
    fractions : dict of arrays (x, y, z): ``white``, ``cortex``, ``deep``, ``csf``; their sum is the brain
    latents : dict of arrays (x, y, z): ``myelin``, ``axons``, ``water``, ``coherence`` of the white matter

    Returns
    -------
    dict of arrays (x, y, z), float32: ``signal_AD``, ``signal_RD`` (exp(-b D), brain's share included),
    ``MTR`` (percent), ``DVR``, ``T1w`` (white matter 100), all times the brain's share
    """
    m, a, w, c = (latents[name] for name in ("myelin", "axons", "water", "coherence"))
    axial, radial = diffusivities(m, a, w, c)
    white = {
        "signal_AD": np.exp(-B_VALUE * axial),
        "signal_RD": np.exp(-B_VALUE * radial),
        "MTR": magnetisation_transfer_ratio(m, a, w),
        "DVR": distribution_volume_ratio(m, w),
        "T1w": t1w_intensity(m, a, w),
    }
    maps = {name: (fractions["white"] * values).astype(np.float32) for name, values in white.items()}
    for tissue, values in TISSUES.items():
        for name in maps:
            map_name = name.removeprefix("signal_")
            level = np.exp(-B_VALUE * values[map_name]) if name.startswith("signal_") else values[map_name]
            maps[name] += np.float32(level) * fractions[tissue]
    return maps


def diffusivity_from_signal(signal, share):
    """Diffusivity (1e-3 mm2/s) of a voxel from its signal and the brain's share in it; 0 where no brain."""
    inside = share > 0
    ratio = np.where(inside, signal, 1) / np.where(inside, share, 1)
    return -np.log(np.clip(ratio, np.exp(-B_VALUE * FREE_WATER), 1)) / B_VALUE
