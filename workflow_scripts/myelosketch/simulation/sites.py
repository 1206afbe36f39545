"""Sites other than that of the configuration: scanners, protocols and patients that no model has seen (assumed).

A site replaces some settings of the simulation. It changes how participants are measured and how much lesion patients
have, but never the physics, so that what a model learned at the first site should still hold.
"""

from collections.abc import Mapping
from typing import Any

from myelosketch.errors import InputError

MAIN_SITE = "A"  # the settings of the configuration
SAME_SITE = "T"  # the same settings, for further participants that no model learns from
SITES: dict[str, dict[str, Any]] = {
    # B: a clinical PET-CT instead of a brain PET, a shorter diffusion protocol, another MT pulse, advanced disease.
    "B": {
        "lesion_load": "clinical",
        "voxel_size_mm": {"dwi": 2.5, "MTR": 1.5},
        "mri": {"diffusion_noise": 0.06, "mtr_noise": 1.5, "mtr_offset": -1.5, "b1_range": 0.1},
        "pet": {"blur_fwhm_mm": 4.5, "noise_sd": 0.09, "noise_fwhm_mm": 6.5, "gain_mean": 1.03},
    },
    # C: the first site's scanners ten years later, with a sharper and less noisy PET, and the same kind of patients.
    "C": {
        "mri": {"diffusion_noise": 0.04, "mtr_noise": 1.5, "mtr_offset": 1.0},
        "pet": {"blur_fwhm_mm": 2.0, "noise_sd": 0.09, "gain_mean": 0.98},
    },
}


def site_settings(settings: dict[str, Any], site: str) -> dict[str, Any]:
    """Return the settings of the simulation at a site.

    Parameters
    ----------
    settings : dict, section ``simulation`` of the configuration or a part of it
    site : MAIN_SITE, SAME_SITE or a key of SITES

    Returns
    -------
    dict : the settings, with those of the site in place of the first site's

    Raises
    ------
    InputError : the site is unknown
    """
    if site in (MAIN_SITE, SAME_SITE):
        return settings
    if site not in SITES:
        known = ", ".join([*SITES, SAME_SITE])
        raise InputError(f"simulation.external.site is {site!r}; expected one of {known}: correct this key.")
    return _overlay(settings, SITES[site])


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        result[key] = _overlay(below.get(key, {}), value) if isinstance(value, dict) else value
    return result
