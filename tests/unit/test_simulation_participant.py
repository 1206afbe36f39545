"""A whole simulated participant at coarse voxels: files, truth, ranges, independence, refusals."""

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.io.provenance import file_hash, read_json
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import check_same_grid, load_volume
from myelosketch.simulation.cohort import (
    describe_cohort,
    participants,
    simulated_files,
    simulated_images,
    simulated_siblings,
    truth_file,
    truth_files,
)
from myelosketch.simulation.participant import TISSUE_CODES, simulate_participant
from myelosketch.simulation.settings import DEFAULTS, complete_settings

COARSE = {
    "voxel_size_mm": {"anatomy": 4.0, "T1w": 4.0, "dwi": 5.0, "MTR": 5.0, "pet": 6.0},
    "lesion_load_min_ml": 1.0,
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A patient (01) and a control (02)."""
    root = tmp_path_factory.mktemp("simulated")
    simulate_participant(root, "01", "MS", COARSE, 7)
    simulate_participant(root, "02", "HC", COARSE, 7)
    return root


def load(dataset, subject, name):
    group = "MS" if subject == "01" else "HC"
    files = simulated_files(dataset, subject, group) | truth_files(dataset, subject)
    return load_volume(files[name])


def hashes(root):
    return {
        str(path.relative_to(root)): file_hash(path)
        for path in sorted(Path(root).rglob("sub-*"))
        if path.is_file()
    }


def test_every_named_file_is_written_and_controls_have_no_lesions(dataset):
    for subject in ("01", "02"):
        for path in (simulated_images(dataset, subject) | truth_files(dataset, subject)).values():
            assert Path(path).is_file(), path
    assert "lesion_mask" not in simulated_files(dataset, "02", "HC")
    assert not load_volume(simulated_images(dataset, "02")["lesion_mask"]).data.any()
    truth = truth_files(dataset, "02")
    assert not load_volume(truth["lesions"]).data.any()
    assert not load_volume(truth["demyelinated"]).data.any()
    columns = list(read_table(truth["lesion_table"]).columns)
    assert len(read_table(truth["lesion_table"])) == 0
    assert columns == list(read_table(truth_file(dataset, "01", "lesion_table")).columns)


def test_same_seed_same_bytes_and_no_influence_of_the_cohort(dataset, tmp_path):
    simulate_participant(tmp_path, "02", "HC", {**COARSE, "n_patients": 1, "n_controls": 1}, 7)
    alone = hashes(tmp_path)
    together = hashes(dataset)
    assert alone
    assert all(together[name] == value for name, value in alone.items())


def test_signals_are_repeatable_complete_and_keep_the_truth(dataset, tmp_path):
    """The other level: its own files, the same bytes on repeat, the truth and the T1w of the level maps."""
    settings = {**COARSE, "level": "signals", "dwi": {"n_directions": 6, "n_b0": 1}, "frames": [600] * 7}
    for folder in ("first", "second"):
        simulate_participant(tmp_path / folder, "01", "MS", settings, 7)
    first, second = hashes(tmp_path / "first"), hashes(tmp_path / "second")
    assert first == second
    named = simulated_files(tmp_path / "first", "01", "MS", "signals")
    assert set(named) == {"T1w", "FLAIR", "lesion_mask", "dwi", "mt_on", "mt_off", "pet", "reference_mask"}
    siblings = simulated_siblings(tmp_path / "first", "01", "signals")
    assert set(siblings) == {"dwi_bval", "dwi_bvec", "dwi_json", "pet_json"}
    for path in (named | siblings | truth_files(tmp_path / "first", "01")).values():
        assert Path(path).is_file(), path
    maps = hashes(dataset)
    same = [name for name in first if "truth" in name or "T1w.nii" in name or "FLAIR.nii" in name]
    same = [name for name in same if not name.endswith("motion.json")]
    assert len(same) > 12
    assert [name for name in same if first[name] != maps[name]] == []
    timing = read_json(siblings["pet_json"])
    assert timing["FrameDuration"] == [600] * 7
    assert timing["FrameTimesStart"] == [600 * k for k in range(7)]
    assert timing["Units"] == "kBq/mL"
    assert len(Path(siblings["dwi_bval"]).read_text().split()) == 7
    series = nib.load(named["dwi"])
    assert series.shape[3] == 7
    assert series.get_data_dtype() == np.int16
    assert nib.load(named["pet"]).get_data_dtype() == np.float32
    assert len(read_json(truth_file(tmp_path / "first", "01", "motion"))["dwi"]) == 7


def test_another_seed_another_participant(dataset, tmp_path):
    simulate_participant(tmp_path, "02", "HC", COARSE, 8)
    together = hashes(dataset)
    images = {name: value for name, value in hashes(tmp_path).items() if name.endswith(".nii.gz")}
    drawn = {name: value for name, value in images.items() if not re.search("lesion|demyelinated", name)}
    assert len(drawn) > 10
    assert all(together[name] != value for name, value in drawn.items())


def test_grids_and_background(dataset):
    dvr = load(dataset, "01", "DVR")
    for name in ("rescan", "noisefree", "visible"):
        check_same_grid(dvr, load(dataset, "01", name))
    check_same_grid(load(dataset, "01", "T1w"), load(dataset, "01", "lesion_mask"))
    check_same_grid(load(dataset, "01", "T1w"), load(dataset, "01", "FLAIR"))
    for name in ("T1w", "FLAIR", "FA", "RD", "AD", "MTR", "DVR"):
        data = load(dataset, "01", name).data
        assert np.isfinite(data).all()
        border = np.ones(data.shape, bool)
        border[1:-1, 1:-1, 1:-1] = False
        assert (data[border] == 0).all(), f"{name}: the head is cut"
        assert (data != 0).mean() > 0.1


def test_fa_is_that_of_the_measured_diffusivities(dataset):
    fa, rd, ad = (load(dataset, "01", name).data for name in ("FA", "RD", "AD"))
    norm = np.sqrt(ad**2 + 2 * rd**2)
    np.testing.assert_allclose(fa[norm > 0], (np.abs(ad - rd)[norm > 0] / norm[norm > 0]), atol=1e-5)
    assert (ad >= rd).all()


def test_lesion_mask_is_binary_and_as_large_as_the_table_says(dataset):
    mask = load(dataset, "01", "lesion_mask")
    assert set(np.unique(mask.data)) == {0, 1}
    table = read_table(truth_file(dataset, "01", "lesion_table"), numeric=True)
    assert table.volume_mm3.sum() >= 1000 * COARSE["lesion_load_min_ml"] * 0.9
    assert mask.data.sum() * mask.voxel_volume == pytest.approx(table.volume_mm3.sum(), rel=0.35)
    assert table.mean_myelin.between(0, 1.4).all()


def test_measurement_differs_from_the_truth_by_the_configured_noise(dataset):
    sd = DEFAULTS["pet"]["noise_sd"]
    truth, first, second = (load(dataset, "01", name).data for name in ("noisefree", "DVR", "rescan"))
    brain = truth > 0
    assert (first - truth)[brain].std() == pytest.approx(sd, rel=0.1)
    assert (second - truth)[brain].std() == pytest.approx(sd, rel=0.2)  # its pose and gain too
    assert abs(np.corrcoef((first - truth)[brain], (second - truth)[brain])[0, 1]) < 0.1


def test_gain_acts_on_white_matter_alone(tmp_path):
    """The same participant with a gain of .1 more: white matter's DVR is scaled, grey matter's is not."""
    found = {}
    for gain in (1.0, 1.1):
        pet = {"unseen_sd": 0.0, "gain_sd": 0.0, "noise_sd": 0.0, "blur_fwhm_mm": 0.0, "gain_mean": gain}
        simulate_participant(tmp_path / str(gain), "05", "HC", {**COARSE, "pet": pet}, 1)
        found[gain] = load_volume(truth_file(tmp_path / str(gain), "05", "noisefree")).data
    measured = load_volume(simulated_files(tmp_path / "1.1", "05", "HC")["DVR"]).data
    inside = found[1.0] > 0
    ratio = found[1.1][inside] / found[1.0][inside]
    assert np.sum(np.abs(ratio - 1) < 1e-3) > 500  # cortex, deep nuclei and CSF without white matter
    assert np.sum(np.abs(ratio - 1.1) < 2e-3) > 200  # white matter only
    assert (ratio >= 0.999).all()
    assert (ratio <= 1.101).all()
    np.testing.assert_array_equal(measured, found[1.1])


def test_demyelinated_voxels_are_lesion_voxels_that_lost_their_myelin(dataset):
    mask, labels = load(dataset, "01", "demyelinated").data > 0, load(dataset, "01", "lesions").data
    myelin = load(dataset, "01", "myelin").data / 1000
    assert 0 < mask.sum() < (labels > 0).sum()
    assert (labels[mask] > 0).all()
    assert myelin[mask].max() <= 0.5
    table = read_table(truth_file(dataset, "01", "lesion_table"), numeric=True)
    counted = table.demyelinated_share * np.bincount(labels.astype(int).ravel())[1:]
    assert counted.sum() == pytest.approx(mask.sum())
    assert table.demyelinated_share.between(0, 1).all()
    assert {"kind", "mean_myelin"} <= set(table.columns)


def test_poses_bring_two_modalities_together(dataset):
    """MTR moved by the true poses onto T1w overlaps the same head. Without the move it does not."""
    from scipy import ndimage

    poses = {name: np.array(pose) for name, pose in read_json(truth_file(dataset, "01", "poses")).items()}
    assert set(poses) == {"T1w", "dwi", "MTR", "pet"}
    t1w, mtr = load(dataset, "01", "T1w"), load(dataset, "01", "MTR")
    overlaps = []
    for move in (poses["MTR"] @ np.linalg.inv(poses["T1w"]), np.eye(4)):
        matrix = np.linalg.inv(mtr.affine) @ move @ t1w.affine
        moved = ndimage.affine_transform(
            (mtr.data > 0).astype(np.float32), matrix[:3, :3], matrix[:3, 3], output_shape=t1w.shape, order=1
        )
        head, other = t1w.data > 0, moved > 0.5
        overlaps.append(2 * (head & other).sum() / (head.sum() + other.sum()))
    assert overlaps[0] > 0.97
    assert overlaps[1] < overlaps[0] - 0.02


def test_healthy_white_matter_and_csf_have_their_values(dataset):
    labels = load(dataset, "02", "tissue")
    myelin = load(dataset, "02", "myelin").data / 1000
    assert 0.7 < myelin[labels.data == 4].mean() < 1.35
    dvr = load(dataset, "02", "noisefree").data
    assert 1.05 < np.percentile(dvr[dvr > 0], 90) < 1.6
    assert load(dataset, "02", "RD").data.max() > 1.5


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"pet": {"noise_sd": -0.1}},
            "simulation.pet.noise_sd is -0.1; expected a number from 0 to 1: correct this key.",
        ),
        (
            {"voxel_size_mm": {"pet": 0}},
            "simulation.voxel_size_mm.pet is 0; expected a number from 0.8 to 8.0: correct this key.",
        ),
        (
            {"pet": {"noise_sdd": 0.1}},
            "simulation.pet.noise_sdd is not a setting of the simulation: did you mean pet.noise_sd?",
        ),
        (
            {"lesion_load": "huge"},
            "simulation.lesion_load is 'huge'; expected early or clinical: correct this key.",
        ),
        (
            {"n_patients": 1.5},
            "simulation.n_patients is 1.5; expected a whole number from 0 to 9999: correct this key.",
        ),
        ({"pose": 3}, "simulation.pose is 3; expected the keys rotation_deg, translation_mm."),
        (
            {"level": "raw"},
            "simulation.level is 'raw'; expected maps or signals: correct this key.",
        ),
        (
            {"dwi": {"n_directions": 5}},
            "simulation.dwi.n_directions is 5; expected a whole number from 6 to 512: correct this key.",
        ),
        (
            {"dwi": {"b_value": 0}},
            "simulation.dwi.b_value is 0; expected a whole number from 100 to 5000: correct this key.",
        ),
        (
            {"dwi": {"b_value": [1000, 20]}},
            "simulation.dwi.b_value is 20; expected a whole number from 100 to 5000: correct this key.",
        ),
        (
            {"dwi": {"b_value": []}},
            "simulation.dwi.b_value is an empty list; expected b-values in s/mm2.",
        ),
        (
            {"dwi": {"snr": 0}},
            "simulation.dwi.snr is 0; expected a number from 2 to 1000: correct this key.",
        ),
        (
            {"mt": {"snr": -1}},
            "simulation.mt.snr is -1; expected a number from 2 to 1000: correct this key.",
        ),
        (
            {"mri": {"flair_noise_percent": -2}},
            "simulation.mri.flair_noise_percent is -2; expected a number from 0 to 50: correct this key.",
        ),
        (
            {"frames": []},
            "simulation.frames is an empty list; expected durations of the PET frames in s.",
        ),
        (
            {"frames": 60},
            "simulation.frames is 60; expected a list of durations of the PET frames in s.",
        ),
        (
            {"frames": [60, 0]},
            "simulation.frames is 0; expected a number from 1 to 3600: correct this key.",
        ),
        (
            {"frames": [60] * 36},
            "simulation.frames has 1 frames from 35 min on; expected at least 3 for the Logan plot: add frames.",
        ),
    ],
)
def test_impossible_settings_are_refused_by_name(settings, sentence):
    with pytest.raises(InputError) as refusal:
        complete_settings(settings)
    assert str(refusal.value) == sentence


def test_unknown_group_is_refused(tmp_path):
    with pytest.raises(InputError, match="Participant 01 has group 'PPMS'; expected one of MS, HC"):
        simulate_participant(tmp_path, "01", "PPMS", COARSE, 1)


def test_participants_and_description(tmp_path):
    table = participants(2, 1)
    assert table.subject.tolist() == ["MS01", "MS02", "HC01"]
    assert table.group.tolist() == ["MS", "MS", "HC"]
    assert participants(120, 2).subject.tolist()[:2] == [
        "MS01",
        "MS02",
    ]  # a larger cohort keeps its first members
    assert participants(1, 1, "B").subject.tolist() == ["MSB01", "HCB01"]
    describe_cohort(tmp_path, table.assign(site="A"), COARSE, 7)
    assert read_table(tmp_path / "participants.tsv").participant_id.tolist() == [
        "sub-MS01",
        "sub-MS02",
        "sub-HC01",
    ]
    assert read_json(tmp_path / "dataset_description.json")["Seed"] == 7
    assert "none of them real" in (tmp_path / "README").read_text()


def test_names_are_patterns_when_the_subject_is_a_wildcard():
    assert truth_file("root", "{subject}", "rescan") == (
        "root/derivatives/truth/sub-{subject}/sub-{subject}_trc-PIB_meas-DVR_desc-rescan_mimap.nii.gz"
    )


def test_the_true_warp_leads_to_the_tissue_of_the_template(dataset):
    """Points of the participant's white matter, moved by the stored warp, are in white matter of the template."""
    from scipy import ndimage

    from myelosketch.simulation.template import template

    labels = load(dataset, "01", "tissue")
    warp = nib.load(truth_file(dataset, "01", "warp"))
    maps, template_affine = template()
    hits = {}
    for moved in (True, False):
        where = np.argwhere(np.isin(labels.data, (TISSUE_CODES["white"], TISSUE_CODES["lesion"])))
        world = nib.affines.apply_affine(labels.affine, where)
        if moved:
            at = nib.affines.apply_affine(np.linalg.inv(warp.affine), world).T
            field = warp.get_fdata()
            shift = [ndimage.map_coordinates(field[..., i], at, order=1, mode="nearest") for i in range(3)]
            world = world + np.transpose(shift)
        at = nib.affines.apply_affine(np.linalg.inv(template_affine), world).T
        hits[moved] = (ndimage.map_coordinates(maps["white"], at, order=1) > 0.5).mean()
    assert hits[True] > 0.9
    assert hits[True] > hits[False] + 0.1
