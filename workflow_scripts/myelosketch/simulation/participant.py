"""One simulated participant: anatomy, tissue state, measurements and ground truth, written to disk."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.io.names import GROUPS
from myelosketch.simulation import measured_maps, scanner
from myelosketch.simulation.anatomy import FRACTIONS, build_anatomy
from myelosketch.simulation.cohort import SESSIONS, simulated_sessions
from myelosketch.simulation.diffusion_signal import acquire_dwi
from myelosketch.simulation.fields import smooth_field, stream
from myelosketch.simulation.follow_up import followed_up
from myelosketch.simulation.grey import grey_matter, tissue_values, unseen_dvr
from myelosketch.simulation.latents import add_lesions, healthy_latents
from myelosketch.simulation.lesions import Lesions, expert_mask, lesion_load, place_lesions
from myelosketch.simulation.mt_signal import acquire_mt
from myelosketch.simulation.pet_signal import acquire_dynamic, reference_region
from myelosketch.simulation.physics import Physics, tissue_maps
from myelosketch.simulation.settings import complete_settings
from myelosketch.simulation.structural import acquire_structural
from myelosketch.simulation.truth import TISSUE_CODES, write_truth
from myelosketch.simulation.writing import write_images

__all__ = ["TISSUE_CODES", "simulate_body", "simulate_participant", "simulate_scans"]


def simulate_participant(
    root: str | Path, subject: str, group: str, settings: Mapping[str, Any] | None = None, seed: int = 0
) -> None:
    """Simulate one participant and write the images, ground truth and sidecars of every session.

    The files depend on ``seed``, ``subject``, ``group`` and ``settings``, not on the rest of the cohort.

    Parameters
    ----------
    root : folder of the simulated dataset
    subject : str such as "MS01"
    group : MS or HC
    settings : dict, section ``simulation`` of the configuration; keys that are left out have their defaults
    seed : int

    Raises
    ------
    InputError : unknown group, or impossible settings; the message names the key
    """
    if group not in GROUPS:
        raise InputError(f"Participant {subject} has group {group!r}; expected one of {', '.join(GROUPS)}.")
    settings = complete_settings(settings)
    body = simulate_body(subject, group, settings, seed)
    for session in simulated_sessions(settings):
        if session == SESSIONS[1]:
            body = followed_up(body, settings["follow_up"], stream(seed, subject, "follow-up"))
        images = simulate_scans(subject, body, settings, seed, session)
        write_images(root, subject, images, settings, seed, session)
        write_truth(root, subject, body, images, session)


def simulate_body(subject: str, group: str, settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return the anatomy and tissue state of one participant, without any scanner.

    Returns
    -------
    dict : ``anatomy`` (Anatomy), ``latents`` (dict of arrays), ``lesions`` (Lesions, or None for a control),
        ``grey`` (dict of :func:`grey_matter`), ``physics`` (Physics)
    """
    anatomy = build_anatomy(group, settings, stream(seed, subject, "anatomy"))
    latents = healthy_latents(anatomy.tract, anatomy.voxel, group, stream(seed, subject, "latents"))
    lesions: Lesions | None = None
    if group == "MS":
        rng = stream(seed, subject, "lesions")
        lesions = place_lesions(anatomy, lesion_load(settings, rng), rng)
        latents = add_lesions(latents, lesions, anatomy.voxel, stream(seed, subject, "lesion texture"))
    grey = grey_matter(anatomy.fractions, anatomy.voxel, stream(seed, subject, "grey matter"))
    physics = Physics(**settings["physics"])
    return {"anatomy": anatomy, "latents": latents, "lesions": lesions, "grey": grey, "physics": physics}


def simulate_scans(
    subject: str, body: Mapping[str, Any], settings: Mapping[str, Any], seed: int, session: str | None = None
) -> dict[str, Any]:
    """Measure a participant with every modality, each on its own grid and in its own pose.

    The part of DVR that no MRI sees is the same in every session. Poses, noise, bias fields, the B1 field, the offset
    of MTR and the gain of PET differ between sessions. Those of the first session are the ones that a participant
    without a second session has.

    Parameters
    ----------
    subject, settings, seed : as in :func:`simulate_participant`
    body : dict of :func:`simulate_body`, at that session
    session : one of SESSIONS, or None

    Returns
    -------
    dict : ``grids`` (Grid by modality); images by name: T1w, FLAIR, lesion_mask, DVR, rescan, noisefree, visible,
        and those of the level: FA, RD, AD and MTR; or dwi (see :func:`acquire_dwi`), mt_on, mt_off, mt_snr, pet and
        reference_mask
    """
    anatomy, affine = body["anatomy"], body["anatomy"].affine
    maps = tissue_maps(
        anatomy.fractions,
        body["latents"],
        anatomy.ventricle_distance,
        binding=anatomy.binding,
        tissues=tissue_values(body["grey"], body["physics"]),
        physics=body["physics"],
    )
    brain = sum(anatomy.fractions[name] for name in FRACTIONS)

    def rng(purpose: str) -> np.random.Generator:
        return stream(seed, subject, purpose if session in (None, SESSIONS[0]) else f"{purpose} {session}")

    voxels, pose_rng = settings["voxel_size_mm"], rng("poses")
    grids = {
        name: scanner.modality_grid(voxels[name], scanner.random_pose(settings["pose"], pose_rng))
        for name in scanner.MODALITIES
    }
    images: dict[str, Any] = {
        "grids": grids,
        **_structural(body, maps, brain, grids["T1w"], settings["mri"], rng),
    }
    pet = settings["pet"]
    field = smooth_field(brain.shape, anatomy.voxel, pet["unseen_fwhm_mm"], stream(seed, subject, "unseen"))
    unseen = pet["unseen_sd"] * field
    gain = measured_maps.pet_gain(pet, rng("PET gain"))
    again = measured_maps.rescan_gain(gain, rng("PET gain of the second scan"))
    purposes = ("PET noise", "PET noise of the second scan", "PET pose of the second scan")
    white, grey = unseen * anatomy.fractions["white"], unseen_dvr(body["grey"], anatomy.fractions)
    hidden = [measured_maps.hidden_dvr(maps["DVR_white"], white, grey, one) for one in (gain, again)]
    images |= measured_maps.acquire_pet(
        maps["DVR"],
        hidden,
        brain,
        affine,
        grids["pet"],
        pet,
        settings["pose"],
        [rng(one) for one in purposes],
    )
    if settings["level"] == "maps":
        images |= _maps(maps, brain, affine, grids, settings, rng)
    else:
        maps.clear()
        images |= _signals(body, brain, grids, settings, rng)
        images["pet"] = acquire_dynamic(
            body, unseen, gain, brain, grids["pet"], pet, settings["frames"], rng("PET frames")
        )
    return images


def _structural(
    body: Mapping[str, Any],
    maps: Mapping[str, np.ndarray],
    brain: np.ndarray,
    grid: scanner.Grid,
    settings: Mapping[str, Any],
    rng: Callable[[str], np.random.Generator],
) -> dict[str, np.ndarray]:
    """Return T1w, FLAIR and the lesion mask, on one grid in one pose."""
    affine = body["anatomy"].affine
    images = {}
    for name in ("T1w", "FLAIR"):
        noise, bias = (settings[f"{name.lower()}_{error}_percent"] for error in ("noise", "bias"))
        images[name] = acquire_structural(maps[name], brain, affine, grid, noise, bias, rng(name))
    images["lesion_mask"] = np.zeros(images["T1w"].shape, np.uint8)
    if body["lesions"]:
        member = scanner.acquire(body["lesions"].member, affine, grid)
        images["lesion_mask"] = expert_mask(member, images["T1w"] > 0)
    return images


def _maps(
    maps: Mapping[str, np.ndarray],
    brain: np.ndarray,
    affine: np.ndarray,
    grids: Mapping[str, scanner.Grid],
    settings: Mapping[str, Any],
    rng: Callable[[str], np.random.Generator],
) -> dict[str, np.ndarray]:
    """Return FA, RD, AD and MTR, without raw signals."""
    mri, width = settings["mri"], settings["dwi"]["noise_fwhm_mm"]
    images = measured_maps.acquire_diffusion(
        maps, brain, affine, grids["dwi"], mri["diffusion_noise"], width, rng("dwi")
    )
    images["MTR"] = measured_maps.acquire_mtr(maps, brain, affine, grids["MTR"], mri, rng("MTR"))
    return images


def _signals(
    body: Mapping[str, Any],
    brain: np.ndarray,
    grids: Mapping[str, scanner.Grid],
    settings: Mapping[str, Any],
    rng: Callable[[str], np.random.Generator],
) -> dict[str, Any]:
    """Return the diffusion series, the MT pair and the reference region."""
    mri = settings["mri"]
    streams = [rng("dwi signal"), rng("dwi motion")]
    dwi = acquire_dwi(body, brain, grids["dwi"], settings["dwi"], mri["diffusion_noise"], streams)
    pair = acquire_mt(body, brain, grids["MTR"], mri, settings["mt"], [rng("MTR"), rng("MT signal")])
    region = reference_region(body, grids["pet"], settings["pet"]["blur_fwhm_mm"])
    return {"dwi": dwi, **pair, "reference_mask": region}
