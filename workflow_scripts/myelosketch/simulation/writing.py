"""The images of a simulated participant as BIDS files, with units, parameters and provenance in the sidecars."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from myelosketch.io.names import UNITS
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import save_volume
from myelosketch.simulation.cohort import simulated_images, simulated_siblings
from myelosketch.simulation.diffusion_signal import dwi_parameters
from myelosketch.simulation.gradients import write_gradients
from myelosketch.simulation.kinetics import noise_scale
from myelosketch.simulation.pet_signal import frame_parameters

# grid of each image; the others are on the grid of the diffusion series
_GRID = {
    **dict.fromkeys(("T1w", "FLAIR", "lesion_mask"), "T1w"),
    **dict.fromkeys(("MTR", "mt_on", "mt_off"), "MTR"),
    **dict.fromkeys(("DVR", "pet", "reference_mask"), "pet"),
}
_UNITS = UNITS | {"pet": "kBq/mL", "reference_mask": "1", "lesion_mask": "1"}


def write_images(
    root: str | Path,
    subject: str,
    images: Mapping[str, Any],
    settings: Mapping[str, Any],
    seed: int,
    session: str | None = None,
) -> None:
    """Write the images of a scan, with their sidecars.

    Parameters
    ----------
    root : folder of the simulated dataset
    subject : str
    images : dict of :func:`simulate_scans`
    settings : completed settings of the simulation
    seed : int
    session : str, or None where the participant has one scan
    """
    level = settings["level"]
    siblings = simulated_siblings(root, subject, level, session)
    for name, path in simulated_images(root, subject, level, session).items():
        affine = images["grids"][_GRID.get(name, "dwi")].affine
        fields, parameters = _description(name, images, settings)
        sidecar = provenance(
            Units=_UNITS.get(name, "arbitrary"), Simulated=True, Seed=seed, **fields, parameters=parameters
        )
        image = images[name]
        if name == "dwi":
            write_gradients(
                siblings["dwi_bval"], siblings["dwi_bvec"], image["b_values"], image["directions"], affine
            )
            image = image["data"]
        save_volume(path, image, affine, sidecar=sidecar)


def _description(
    name: str, images: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the top-level fields and parameters of an image's sidecar."""
    mri = settings["mri"]
    if name in ("T1w", "FLAIR"):
        keys = (f"{name.lower()}_noise_percent", f"{name.lower()}_bias_percent")
        return {"SkullStripped": True}, {key: mri[key] for key in keys}
    if name in ("FA", "RD", "AD"):
        return {}, {"diffusion_noise": mri["diffusion_noise"]}
    if name == "MTR":
        return {}, {key: mri[key] for key in ("b1_range", "mtr_noise", "mtr_gain_sd", "mtr_offset")}
    if name == "dwi":
        return dwi_parameters(images["dwi"], settings["dwi"]), settings["dwi"]
    if name in ("mt_on", "mt_off"):
        return {"MTState": name == "mt_on", "SignalToNoiseRatio": images["mt_snr"]}, settings["mt"]
    if name == "pet":
        scale = noise_scale(settings["frames"], settings["pet"]["noise_sd"])
        return frame_parameters(settings["frames"]), settings["pet"] | {"noise_scale": scale}
    if name == "DVR":
        return {}, settings["pet"]
    if name == "reference_mask":
        return {"Description": "voxels with most cortical grey matter after the point spread"}, {}
    return {}, {}
