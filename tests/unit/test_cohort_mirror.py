"""An image with left and right swapped against the T1w is found, and one without is left alone."""

import numpy as np
import pytest
from intake_scans import row
from nilearn.datasets import load_mni152_gm_template, load_mni152_wm_template
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates
from test_imaging_geometry import rigid

from myelosketch.intake.inspection import inspect_files
from myelosketch.intake.mirror import mirror_findings, mutual_information
from myelosketch.io.units import default_units
from myelosketch.io.volumes import Volume, save_volume


@pytest.fixture(scope="module")
def head():
    """A head with asymmetric folds (the template is symmetric): grey and white matter, 3 mm, and the affine."""
    grey, white = (load() for load in (load_mni152_gm_template, load_mni152_wm_template))
    affine = grey.affine
    noise = np.random.default_rng(5)
    shift = [gaussian_filter(noise.normal(0, 1, grey.shape), 12) for _ in range(3)]
    shift = [5 * field / field.std() for field in shift]
    index = [axis + move for axis, move in zip(np.indices(grey.shape), shift, strict=True)]
    warped = [map_coordinates(image.get_fdata(dtype=np.float32), index, order=1) for image in (grey, white)]
    return *(part[::3, ::3, ::3] for part in warped), affine @ np.diag([3, 3, 3, 1.0])


def moved(data, affine, pose):
    """The image as seen by a head that has moved, on the same grid."""
    mapping = np.linalg.inv(affine) @ np.linalg.inv(pose) @ affine
    return Volume(affine_transform(data, mapping[:3, :3], mapping[:3, 3], order=1), affine)


def test_a_mirrored_image_is_found(head):
    grey, white, affine = head
    t1w = Volume(600 * grey + 900 * white, affine)
    map_ = moved(0.15 * grey + 0.45 * white, affine, rigid((8, -6, 7), (6, -7, 4)))
    assert mirror_findings({"T1w": t1w, "FA": map_}) == []
    flipped = Volume(map_.data[::-1], map_.affine)
    (finding,) = mirror_findings({"T1w": t1w, "FA": flipped})
    assert (finding.check, finding.input) == ("mirrored", "FA")
    assert finding.reason.startswith("fits the T1w better with left and right swapped (mutual information ")


def test_it_is_part_of_the_inspection(head, tmp_path):
    grey, white, affine = head
    paths = {name: str(tmp_path / f"{name}.nii.gz") for name in ("T1w", "MTR")}
    save_volume(paths["T1w"], 600 * grey + 900 * white, affine)
    save_volume(paths["MTR"], (30 * grey + 42 * white)[::-1], affine)
    findings = inspect_files(row(paths), units=default_units(), maps={})[1]
    assert [finding.check for finding in findings] == ["mirrored"]


def test_noise_has_no_left_and_right():
    noise = np.random.default_rng(1)
    images = {
        name: Volume(noise.uniform(1, 2, (20, 20, 20)), np.diag([8.0, 8, 8, 1])) for name in ("T1w", "FA")
    }
    assert mirror_findings(images) == []
    assert mirror_findings({"FA": images["FA"]}) == []


def test_mutual_information_of_equal_and_of_independent_bins():
    bins = np.arange(2048) % 16
    assert mutual_information(bins, bins) == pytest.approx(np.log(16))
    assert mutual_information(bins, np.repeat(np.arange(16), 128)) == pytest.approx(0, abs=1e-12)
