"""Shared by all tests: small images, tables and a cohort on disk."""

import numpy as np
import pandas as pd
import pytest
from workflow_run import snakemake

from myelosketch.io.volumes import save_volume

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """Folder of a finished run of the tiny cohort, once for all tests that run the workflow."""
    folder = tmp_path_factory.mktemp("smoke")
    snakemake(folder)
    return folder


@pytest.fixture
def affine():
    """Voxels of 4 mm, world origin at the first voxel."""
    return AFFINE.copy()


@pytest.fixture
def good_maps(tmp_path):
    """One patient's seven files with plausible values: dict of paths."""
    generator = np.random.default_rng(0)
    head = np.zeros((12, 12, 12), bool)
    head[2:10, 2:10, 2:10] = True

    def image(low, high):
        return np.where(head, generator.uniform(low, high, head.shape), 0)

    lesion = np.zeros(head.shape, np.uint8)
    lesion[5:7, 5:7, 5:7] = 1
    arrays = {
        "T1w": image(100, 900),
        "lesion_mask": lesion,
        "FA": image(0.1, 0.6),
        "RD": image(0.5, 0.9),
        "AD": image(1.0, 1.4),
        "MTR": image(25, 45),
        "DVR": image(0.9, 1.4),
    }
    paths = {}
    for name, data in arrays.items():
        paths[name] = str(tmp_path / f"{name}.nii.gz")
        save_volume(paths[name], data, AFFINE)
    return paths


@pytest.fixture
def cohort_table():
    """18 patients and 10 controls, one scan each."""
    subjects = [f"{number:02d}" for number in range(1, 29)]
    return pd.DataFrame(
        {
            "scan": [f"sub-{subject}" for subject in subjects],
            "subject": subjects,
            "group": ["MS"] * 18 + ["HC"] * 10,
        }
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, so that messages have relative paths, with a BIDS dataset of a patient and a control."""
    from bids_tree import make_dataset  # in tests/unit; only the tests there use this fixture

    monkeypatch.chdir(tmp_path)
    make_dataset()
    return tmp_path
