"""Small synthetic scans for the tests of the intake: plausible in every respect, until a test spoils one."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np

from myelosketch.cohort.table import cohort_from_rows
from myelosketch.intake.inspection import inspect_scan
from myelosketch.io.provenance import write_json as write_facts
from myelosketch.io.volumes import save_volume

VOXEL = 6.0
SHAPE = (28, 32, 28)
MAPS_SETTINGS = {"b_max": 1500, "b0_threshold": 50, "t_star_min": 35, "reference": "mask"}
PET_JSON = {"InjectionStart": 0, "ScanStart": 0, "ImageDecayCorrected": True, "Units": "kBq/mL"}
DIRECTIONS = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, -1, 0], [0, 1, -1]], float
)


def affine():
    matrix = np.diag([VOXEL, VOXEL, VOXEL, 1.0])
    matrix[:3, 3] = -VOXEL * np.array(SHAPE) / 2
    return matrix


def head():
    """Ellipsoid of 132 x 156 x 132 mm, bool."""
    centre = (np.array(SHAPE) - 1) / 2
    radius = np.array([11, 13, 11])
    grid = np.indices(SHAPE) - centre[:, None, None, None]
    return ((grid / radius[:, None, None, None]) ** 2).sum(axis=0) <= 1


def part_of_head(share):
    """Return the lower part of the head with a given share of its voxels, uint8."""
    filled = np.cumsum(head(), axis=None).reshape(SHAPE, order="C") <= share * head().sum()
    return (head() & filled).astype(np.uint8)


def _image(generator, low, high):
    return np.where(head(), generator.uniform(low, high, SHAPE), 0).astype(np.float32)


def fa_of(ad, rd):
    """FA of tensors whose two smaller eigenvalues are equal; 0 outside the head."""
    return (np.abs(ad - rd) / np.sqrt(np.maximum(ad**2 + 2 * rd**2, 1e-9))).astype(np.float32)


def make_maps(folder, seed):
    """A patient with maps: dict of paths by column."""
    generator = np.random.default_rng(seed)
    lesion = np.zeros(SHAPE, np.uint8)
    lesion[12:14, 12:14, 12 : 14 + seed % 3] = 1
    rd, ad = _image(generator, 0.5, 0.9), _image(generator, 1.0, 1.4)
    arrays = {
        "T1w": _image(generator, 100, 900),
        "FLAIR": _image(generator, 100, 700),
        "lesion_mask": lesion,
        "FA": fa_of(ad, rd),
        "RD": rd,
        "AD": ad,
        "MTR": _image(generator, 25, 45),
        "DVR": _image(generator, 0.9, 1.4),
    }
    return {name: _save(folder, name, data) for name, data in arrays.items()}


def make_raw(folder, seed):
    """A patient with raw series instead of maps: dict of paths by column."""
    generator = np.random.default_rng(seed)
    maps = make_maps(folder, seed)
    files = {name: maps[name] for name in ("T1w", "lesion_mask")}
    off = _image(generator, 300, 400)
    mask = np.zeros(SHAPE, np.uint8)
    mask[14:18, 14:18, 8:10] = 1
    arrays = {"mt_off": off, "mt_on": off * _image(generator, 0.6, 0.7), "reference_mask": mask}
    files |= {name: _save(folder, name, data) for name, data in arrays.items()}
    directions = DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
    bvecs = np.vstack([[0, 0, 0], directions])
    files["dwi"] = _save_series(
        folder, "dwi", [_image(generator, 800 - 300 * bool(n), 900) for n in range(len(bvecs))]
    )
    np.savetxt(Path(folder) / "dwi.bval", [[0] + [1000] * len(directions)], fmt="%g")
    np.savetxt(Path(folder) / "dwi.bvec", bvecs.T, fmt="%.6f")
    starts = [0, 600, 1200, 2400, 3000, 3600]
    durations = [600, 600, 1200, 600, 600, 600]
    files["pet"] = _save_series(folder, "pet", [_image(generator, 5, 10) for _ in starts])
    write_json(folder, "pet.json", PET_JSON | {"FrameTimesStart": starts, "FrameDuration": durations})
    return files


def write_json(folder, name, content):
    (Path(folder) / name).write_text(json.dumps(content))


def row(files, *, subject="01", group="MS", **more):
    """A row of the cohort table, with every column."""
    return cohort_from_rows([{"subject": subject, "group": group, **files, **more}]).to_dict("records")[0]


def copied(files, folder):
    """Return the same files in another folder, with their sidecars."""
    source = Path(next(iter(files.values()))).parent
    shutil.copytree(source, folder, dirs_exist_ok=True)
    return {name: str(Path(folder) / Path(path).name) for name, path in files.items()}


def rewrite(path, change=None, *, header=None, matrix=None, dtype=None):
    """Save an image again with its voxels changed by ``change`` and its header by ``header``."""
    image = nib.load(path)
    data = np.asarray(image.dataobj)
    data = data if change is None else change(data.copy())
    new = nib.Nifti1Image(data, image.affine if matrix is None else matrix, dtype=dtype or data.dtype)
    new.header.set_xyzt_units("mm")
    if header:
        header(new)
    nib.save(new, path)


def _save(folder, name, data):
    path = str(Path(folder) / f"{name}.nii.gz")
    save_volume(path, data, affine())
    return path


def _save_series(folder, name, volumes):
    path = str(Path(folder) / f"{name}.nii.gz")
    image = nib.Nifti1Image(np.stack(volumes, axis=3).astype(np.float32), affine())
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    return path


def inspected(rows, folder, **settings):
    """The JSON files of the inspection of some scans, each as its job writes it."""
    paths = [Path(folder) / f"intake/{scan['scan']}.json" for scan in rows]
    for path, scan in zip(paths, rows, strict=True):
        write_facts(path, inspect_scan(scan, maps=MAPS_SETTINGS, **settings))
    return paths


def store_as(path, axes):
    """Save an image, 3D or 4D, with its voxels in another order, such as PSR: each keeps its place in the world."""
    image = nib.load(path)
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(axes)
    )
    nib.save(image.as_reoriented(turn), path)
    assert "".join(nib.aff2axcodes(nib.load(path).affine)) == axes
