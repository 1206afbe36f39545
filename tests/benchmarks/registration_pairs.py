"""Pairs of images of the simulated cohort with their true transforms, for the benchmarks of the registration."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from myelosketch.imaging.files import RawImages
from myelosketch.imaging.input_maps import load_tensor, tensor_contrast
from myelosketch.imaging.registration.itk import to_ants
from myelosketch.imaging.registration.resampling import content_box, crop
from myelosketch.io.provenance import read_json
from myelosketch.io.units import default_units
from myelosketch.io.volumes import Volume, load_volume

# fixed and moving image, and the pose of each
PAIRS = {"T1w to PET": ("pet", "T1w"), "dwi to T1w": ("T1w", "dwi"), "MTR to T1w": ("T1w", "MTR")}


def add_folders(parser):
    """The two folders every benchmark here needs."""
    parser.add_argument("--simulated", default="results/simulated", type=Path)
    parser.add_argument("--derivatives", default="results/derivatives", type=Path)


def read_participant(simulated, derivatives, name):
    """Images, poses and brain points of one participant.

    Parameters
    ----------
    simulated, derivatives : Path
    name : text such as "sub-MS01"

    Returns
    -------
    images : dict of Volume: T1w (bias-corrected, in its brain), dwi, MTR, pet
    poses : dict of arrays (4, 4), anatomy to each modality's world
    points : array (n, 3), brain, anatomy world, mm
    """
    maps, anat = simulated / "derivatives/maps" / name, derivatives / name / "anat"
    t1w = load_volume(anat / f"{name}_desc-preproc_T1w.nii.gz")
    brain = load_volume(anat / f"{name}_desc-brain_mask.nii.gz")
    paths = {
        key: maps / "dwi" / f"{name}_model-tensor_param-{key.lower()}_dwimap.nii.gz"
        for key in ("FA", "RD", "AD")
    }
    images = {
        "T1w": Volume(t1w.data * (brain.data > 0), t1w.affine),
        "dwi": tensor_contrast(load_tensor(RawImages.of(paths), default_units())),
        "MTR": load_volume(simulated / name / "anat" / f"{name}_MTRmap.nii.gz"),
        "pet": load_volume(maps / "pet" / f"{name}_trc-PIB_meas-DVR_mimap.nii.gz"),
    }
    truth = read_json(simulated / "derivatives/truth" / name / f"{name}_poses.json")
    poses = {key: np.asarray(matrix) for key, matrix in truth.items()}
    to_anatomy = np.linalg.inv(poses["T1w"]) @ brain.affine
    points = np.argwhere(brain.data > 0)[::97] @ to_anatomy[:3, :3].T + to_anatomy[:3, 3]
    return images, poses, points


def rigid(angles_deg, shift_mm):
    """Matrix (4, 4) of turns about x, y and z, then a shift."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


def moved(volume, matrix):
    """The same voxels at another place in the world."""
    return Volume(volume.data, matrix @ volume.affine)


def head_of(volume):
    """ANTs image of the part that holds the head."""
    return to_ants(crop(volume, content_box(volume)))


def carried(matrix, points):
    """Points (n, 3) under a matrix (4, 4)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]
