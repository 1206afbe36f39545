"""Displacement along the phase encoding: only along the named axis, and closer to the truth."""

import nibabel as nib
import numpy as np
import pytest
from intake_scans import store_as
from known_heads import contrast, moved, noisy, template_head
from scipy.ndimage import map_coordinates
from test_imaging_geometry import rigid, write_transform

from myelosketch.errors import InputError
from myelosketch.imaging.registration.distortion import find_warp, phase_axis
from myelosketch.imaging.registration.resampling import resample_map
from myelosketch.io.provenance import read_json, write_json
from myelosketch.io.volumes import Volume, save_volume


def test_the_config_names_the_axis_before_the_sidecar(tmp_path):
    write_json(tmp_path / "dwi.json", {"PhaseEncodingDirection": "j-"})
    image = saved(tmp_path)
    assert phase_axis("", tmp_path / "dwi.json", image) == 1
    assert phase_axis("k", tmp_path / "dwi.json", image) == 2
    assert phase_axis("i", None, image) == 0


def test_the_axis_is_that_of_the_file_as_stored(tmp_path):
    image = saved(tmp_path)
    store_as(image, "PSR")  # the first axis runs to the back
    assert [phase_axis(axis, None, image) for axis in "ijk"] == [1, 2, 0]


def saved(folder):
    save_volume(folder / "fa.nii.gz", np.zeros((3, 4, 5)), np.eye(4))
    return folder / "fa.nii.gz"


@pytest.mark.parametrize("content", [{}, {"PhaseEncodingDirection": "AP"}, {"PhaseEncodingDirection": None}])
def test_no_axis_is_named(tmp_path, content):
    path = tmp_path / "dwi.json"
    write_json(path, content)
    with pytest.raises(InputError) as error:
        phase_axis("", path, saved(tmp_path))
    assert str(error.value) == (
        f"{path} has no PhaseEncodingDirection (i, j or k), which a deformable registration needs: set "
        "registration.phase_encoding in the config, or registration.dwi to rigid."
    )


def test_no_sidecar_and_no_axis(tmp_path):
    with pytest.raises(InputError, match="^The diffusion image has no PhaseEncodingDirection"):
        phase_axis("", None, saved(tmp_path))


@pytest.mark.parametrize(
    ("axis", "turn"), [(1, np.eye(4)), (0, rigid((10, 20, 80), (0, 0, 0)) @ np.diag([-1.0, 1, 1, 1]))]
)
def test_a_bump_along_one_axis_is_found_and_repeats(tmp_path, axis, turn):
    """Signal is displaced by up to 7 mm near one point, and the head is moved too."""
    pose = rigid((6, -5, 8), (7, -4, 9))
    t1w = moved(template_head()[0], np.eye(4), 3.0)
    clean = moved(contrast(0.3, 0.55, 1.0), pose, 3.0, side=200.0, turn=pose @ turn @ np.linalg.inv(pose))
    index = np.indices(clean.shape).astype(float)
    centre = np.linalg.inv(clean.affine) @ pose @ [0, 30, 0, 1]
    bump = 7 * np.exp(-0.5 * ((index - centre[:3].reshape(3, 1, 1, 1)) ** 2).sum(axis=0) * 3.0**2 / 16**2)
    # signal of the true position is shifted by the bump along the axis
    source = index.copy()
    for _ in range(10):
        source[axis] = index[axis] - map_coordinates(bump, source, order=1) / 3.0
    seen = noisy(Volume(map_coordinates(clean.data, source, order=1), clean.affine), 0.03, 4)
    xfm = write_transform(tmp_path / "rigid.mat", pose)
    out = tmp_path / "sub-01_from-dwi_to-T1w_mode-image_desc-warp_xfm.nii.gz"
    find_warp(t1w, seen, xfm, out, axis=axis, seed=1)

    field = nib.load(out)
    lps = np.asarray(field.dataobj)[:, :, :, 0, :]
    ras = lps * [-1, -1, 1]
    direction = clean.affine[:3, axis] / 3.0
    along = ras @ direction
    np.testing.assert_allclose(ras - along[..., None] * direction, 0, atol=1e-4)
    assert read_json(out.with_name(out.name[:-7] + ".json"))["PhaseEncodingAxis"] == "ijk"[axis]

    # at the bump: remaining distance between the mapped position of a point and that of its signal
    strong = np.argwhere((bump > 2) & (clean.data > 0.3))[::11]
    world = strong @ clean.affine[:3, :3].T + clean.affine[:3, 3]
    voxels = (world - field.affine[:3, 3]) @ np.linalg.inv(field.affine[:3, :3]).T
    found = map_coordinates(along, voxels.T, order=1)
    left = np.abs(found - bump[tuple(strong.T)])
    assert np.median(left) < 1.0
    assert np.median(left) < 0.4 * np.median(bump[tuple(strong.T)])

    # the chain of both undoes it: the map on the T1w grid is nearer to the undistorted one than without
    truth, without, undone = (
        resample_map(image, t1w, chain).data
        for image, chain in ((clean, [xfm]), (seen, [xfm]), (seen, [xfm, out]))
    )
    near = resample_map(Volume((bump > 2).astype(np.float32), clean.affine), t1w, [xfm]).data > 0
    assert np.abs(undone - truth)[near].mean() < 0.75 * np.abs(without - truth)[near].mean()
    again = tmp_path / "again.nii.gz"
    find_warp(t1w, seen, xfm, again, axis=axis, seed=1)
    np.testing.assert_array_equal(np.asarray(nib.load(again).dataobj)[:, :, :, 0, :], lps)
