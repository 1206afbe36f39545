"""One simulated participant: anatomy, tissue state, measurements and ground truth, written to disk."""

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.names import GROUPS, UNITS
from myelosketch.provenance import provenance, write_json
from myelosketch.simulation import scanner
from myelosketch.simulation.anatomy import FRACTIONS, build_anatomy
from myelosketch.simulation.cohort import LATENTS, TRUTH_MAPS, simulated_files, truth_files
from myelosketch.simulation.fields import smooth_field, stream
from myelosketch.simulation.latents import add_lesions, healthy_latents, lesion_table
from myelosketch.simulation.lesions import expert_mask, lesion_load, place_lesions
from myelosketch.simulation.physics import tissue_maps
from myelosketch.simulation.settings import complete_settings
from myelosketch.tables import write_table
from myelosketch.volumes import save_volume

TISSUE_CODES = {"csf": 1, "cortex": 2, "deep": 3, "white": 4, "lesion": 5}
LATENT_SCALE = 1000  # latents are stored as whole thousandths


def simulate_participant(root, subject, group, settings=None, seed=0):
    """Simulate one participant and write the images, the ground truth and their sidecars.

    The files depend on ``seed``, ``subject``, ``group`` and ``settings``, not on the rest of the cohort.

    Parameters
    ----------
    root : folder of the simulated dataset
    subject : str such as "MS01"
    group : MS or HC
    settings : dict, section ``simulation`` of the configuration; what is left out takes its default
    seed : int

    Raises
    ------
    InputError : impossible settings, naming the key
    """
    if group not in GROUPS:
        raise InputError(f"Participant {subject} is of group {group!r}; expected one of {', '.join(GROUPS)}.")
    settings = complete_settings(settings)
    body = simulate_body(subject, group, settings, seed)
    images = simulate_scans(subject, body, settings, seed)
    _write(root, subject, group, body, images, seed)


def simulate_body(subject, group, settings, seed):
    """Anatomy and tissue state of one participant, before any scanner.

    Returns
    -------
    dict : ``anatomy`` (Anatomy), ``latents`` (dict of arrays), ``lesions`` (Lesions, or None for a control)
    """
    anatomy = build_anatomy(group, settings, stream(seed, subject, "anatomy"))
    latents = healthy_latents(anatomy.tract, anatomy.voxel, group, stream(seed, subject, "latents"))
    lesions = None
    if group == "MS":
        rng = stream(seed, subject, "lesions")
        lesions = place_lesions(anatomy, lesion_load(settings, rng), rng)
        latents = add_lesions(latents, lesions, anatomy.voxel, stream(seed, subject, "lesion texture"))
    return {"anatomy": anatomy, "latents": latents, "lesions": lesions}


def simulate_scans(subject, body, settings, seed):
    """Measure a participant with every modality, each on its own grid and in its own pose.

    Returns
    -------
    dict : ``grids`` (Grid by modality) and the images by name (T1w, lesion_mask, FA, RD, AD, MTR, DVR,
    rescan, noisefree, visible)
    """
    anatomy, affine = body["anatomy"], body["anatomy"].affine
    maps = tissue_maps(anatomy.fractions, body["latents"])
    brain = sum(anatomy.fractions[name] for name in FRACTIONS)

    def rng(purpose):
        return stream(seed, subject, purpose)

    voxels, pose_rng = settings["voxel_size_mm"], rng("poses")
    grids = {
        name: scanner.modality_grid(voxels[name], scanner.random_pose(settings["pose"], pose_rng))
        for name in scanner.MODALITIES
    }
    images = {"grids": grids}
    mri = settings["mri"]
    images["T1w"] = scanner.acquire_t1w(maps, brain, affine, grids["T1w"], mri, rng("T1w"))
    if body["lesions"]:
        member = scanner.acquire(body["lesions"].member, affine, grids["T1w"])
        images["lesion_mask"] = expert_mask(member, images["T1w"] > 0)
    images |= scanner.acquire_diffusion(maps, brain, affine, grids["dwi"], mri, rng("dwi"))
    images["MTR"] = scanner.acquire_mtr(maps, brain, affine, grids["MTR"], mri, rng("MTR"))
    pet = settings["pet"]
    field = smooth_field(brain.shape, anatomy.voxel, pet["unseen_fwhm_mm"], rng("unseen"))
    unseen = pet["unseen_sd"] * field * anatomy.fractions["white"]
    streams = [rng(purpose) for purpose in ("PET gain", "PET noise", "PET noise of the second scan")]
    measured = scanner.acquire_pet(maps["DVR"], unseen, brain, affine, grids["pet"], pet, streams)
    images["DVR"] = measured.pop("measured")
    return images | measured


def tissue_labels(body):
    """Most abundant tissue of each anatomy voxel as TISSUE_CODES (uint8), 0 outside the brain."""
    fractions = body["anatomy"].fractions
    shares = np.stack([fractions[name] for name in FRACTIONS])
    codes = np.array([TISSUE_CODES[name] for name in FRACTIONS], np.uint8)
    labels = np.where(shares.sum(axis=0) > 0.5, codes[shares.argmax(axis=0)], 0).astype(np.uint8)
    if body["lesions"]:
        labels[body["lesions"].member > 0.5] = TISSUE_CODES["lesion"]
    return labels


def _write(root, subject, group, body, images, seed):
    grids = images["grids"]
    modality = {"T1w": "T1w", "lesion_mask": "T1w", "MTR": "MTR", "DVR": "pet"}
    note = {"Simulated": True, "Seed": seed}
    for name, path in simulated_files(root, subject, group).items():
        sidecar = provenance(Units=UNITS.get(name, "arbitrary"), **note)
        save_volume(path, images[name], grids[modality.get(name, "dwi")].affine, sidecar=sidecar)
    truth = truth_files(root, subject, group)
    write_json(truth["poses"], {name: grid.pose for name, grid in grids.items()})
    for name in TRUTH_MAPS:
        save_volume(truth[name], images[name], grids["pet"].affine)
    affine = body["anatomy"].affine
    brain = tissue_labels(body) > 0
    for name in LATENTS:
        stored = np.round(LATENT_SCALE * np.where(brain, body["latents"][name], 0)).astype(np.int16)
        sidecar = {"Units": "0.001", "Description": f"{name}, in thousandths"}
        save_volume(truth[name], stored, affine, sidecar=sidecar)
    save_volume(truth["tissue"], tissue_labels(body), affine, sidecar={"Levels": TISSUE_CODES})
    if body["lesions"]:
        save_volume(truth["lesions"], body["lesions"].labels, affine)
        write_table(pd.DataFrame(lesion_table(body["lesions"], body["latents"])), truth["lesion_table"])
