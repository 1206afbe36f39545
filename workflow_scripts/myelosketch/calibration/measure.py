"""Move one simulated participant to the PET grid by the true poses."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ants
import numpy as np

from myelosketch.calibration.participant import TISSUES, Participant, save_participant
from myelosketch.errors import InputError
from myelosketch.imaging.regions import label_regions
from myelosketch.imaging.registration.resampling import resample_fraction, resample_map
from myelosketch.io.names import REGION_CODES
from myelosketch.io.provenance import read_json, sidecar_path
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import Volume, load_volume
from myelosketch.learning.data import bounding_box
from myelosketch.simulation.cohort import TRUTH_MAPS

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # between the worlds of ITK (LPS) and NIfTI (RAS)
MODALITY = {
    "T1w": "T1w",
    "FLAIR": "T1w",
    "lesion_mask": "T1w",
    "FA": "dwi",
    "RD": "dwi",
    "AD": "dwi",
    "MTR": "MTR",
}
# least share of a PET voxel that a tissue fills where its value is measured (assumed); CSF as inside a ventricle
CORE_SHARES = {"white": 0.85, "cortex": 0.85, "deep": 0.85, "csf": 0.99}
LESION_SHARE = 0.5


@contextmanager
def transform_files(*matrices: np.ndarray) -> Iterator[list[str]]:
    """Write world-to-world matrices (RAS, mm; fixed to moving) as files that ``ants.apply_transforms`` reads."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, matrix in enumerate(matrices):
            lps = LPS @ np.asarray(matrix, float) @ LPS
            transform = ants.create_ants_transform(
                transform_type="AffineTransform", dimension=3, matrix=lps[:3, :3], translation=lps[:3, 3]
            )
            paths.append(f"{folder}/{number}.mat")
            ants.write_transform(transform, paths[-1])
        yield paths


def measure_participant(
    files: Mapping[str, str | Path],
    truth: Mapping[str, str | Path],
    output: str | Path,
    *,
    subject: str,
    group: str,
    threshold: float,
    perilesional_mm: float,
) -> None:
    """Move the maps and the truth of one participant to the PET grid, and write them.

    Parameters
    ----------
    files : dict of paths: FA, RD, AD, MTR and DVR; ``lesion_mask`` for patients; T1w and FLAIR if present
    truth : dict of paths as from ``simulation.cohort.truth_files``
    output : path of the ``.npz`` to write
    subject : str
    group : MS or HC
    threshold, perilesional_mm : as in ``imaging.regions.label_regions``
    """
    poses = {name: np.asarray(matrix, float) for name, matrix in read_json(truth["poses"]).items()}
    pet = load_volume(files["DVR"])
    maps = {"DVR": pet.data} | {name: load_volume(truth[name]).data for name in TRUTH_MAPS}
    to_pet = {name: pose @ np.linalg.inv(poses["pet"]) for name, pose in poses.items()}
    lesion = np.zeros(pet.shape, np.float32)
    for name in MODALITY:
        if not files.get(name):
            continue
        volume = load_volume(files[name])
        with transform_files(to_pet[MODALITY[name]]) as route:
            if name == "lesion_mask":
                mask = Volume((volume.data > 0).astype(np.float32), volume.affine)
                lesion = resample_fraction(mask, pet, route).data
            else:
                maps[name] = resample_map(volume, pet, route).data
    shares = tissue_shares(truth, pet, np.linalg.inv(poses["pet"]))
    regions, _ = label_regions(
        brain=sum(shares[name] for name in CORE_SHARES) + shares["lesion"],
        white=shares["white"] + np.maximum(lesion, shares["lesion"]),
        lesion=lesion,
        voxel_size=pet.voxel_size,
        threshold=threshold,
        perilesional_mm=perilesional_mm,
    )
    measured = Participant(
        subject, group, maps, regions, tissue_cores(shares, regions), pet.affine, poses["pet"]
    )
    save_participant(cut_to_brain(measured), output)


def tissue_shares(
    truth: Mapping[str, str | Path], pet: Volume, to_anatomy: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the share of each PET voxel that each true tissue fills.

    Parameters
    ----------
    truth : dict of paths: ``tissue``, whose sidecar has the codes; ``lesions`` and ``lesion_table`` for patients
    pet : Volume on the PET grid
    to_anatomy : (4, 4), PET world to anatomy world

    Returns
    -------
    dict of arrays (x, y, z): ``white`` (without lesions), ``cortex``, ``deep``, ``csf``, ``lesion``, ``black_hole``
    """
    labels = load_volume(truth["tissue"], dtype=np.int16)
    codes = read_json(sidecar_path(truth["tissue"]))["Levels"]
    shares = {name: np.zeros(pet.shape, np.float32) for name in (*CORE_SHARES, "lesion", "black_hole")}
    with transform_files(to_anatomy) as route:
        for name, code in codes.items():
            mask = labels.data == code
            if mask.any():
                shares[name] = resample_fraction(
                    Volume(mask.astype(np.float32), labels.affine), pet, route
                ).data
        if truth.get("lesions"):
            table = read_table(truth["lesion_table"], numeric=("lesion",))
            numbers = table.lesion[table.kind == "black_hole"].to_numpy()
            lesions = load_volume(truth["lesions"], dtype=np.int32)
            mask = np.isin(lesions.data, numbers[numbers > 0])
            shares["black_hole"] = resample_fraction(
                Volume(mask.astype(np.float32), lesions.affine), pet, route
            ).data
    return shares


def tissue_cores(shares: Mapping[str, np.ndarray], regions: np.ndarray) -> np.ndarray:
    """Return the class of each voxel whose value is measured: codes of TISSUES, 0 where tissues mix.

    White matter is taken from the region ``nawm``, which excludes lesions and the perilesional shell. Lesions are
    the lesion mask. Black holes are lesion voxels that a black hole fills at least by half.
    """
    tissue = np.zeros(regions.shape, np.uint8)
    for name, least in CORE_SHARES.items():
        tissue[(shares[name] >= least) & (regions > 0)] = TISSUES[name]
    tissue[(tissue == TISSUES["white"]) & (regions != REGION_CODES["nawm"])] = 0
    lesion = regions == REGION_CODES["lesion"]
    tissue[lesion] = TISSUES["lesion"]
    tissue[lesion & (shares["black_hole"] >= LESION_SHARE)] = TISSUES["black_hole"]
    return tissue


def cut_to_brain(person: Participant) -> Participant:
    """Cut the participant's arrays to the box around the brain and the support of the maps.

    Raises
    ------
    InputError : no voxel of the PET grid is brain
    """
    inside = (person.regions > 0) | (person.maps["AD"] > 0)
    if not inside.any():
        raise InputError(f"Participant {person.subject} has no brain on the PET grid: simulate it again.")
    box = bounding_box(inside)
    affine = person.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    maps = {name: values[box].astype(np.float32) for name, values in person.maps.items()}
    return Participant(
        person.subject, person.group, maps, person.regions[box], person.tissue[box], affine, person.pose
    )
