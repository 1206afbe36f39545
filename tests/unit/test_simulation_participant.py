"""A whole simulated participant at coarse voxels: files, truth, ranges, independence, refusals."""

from pathlib import Path

import numpy as np
import pytest

from myelosketch.errors import InputError
from myelosketch.provenance import file_hash, read_json
from myelosketch.simulation.anatomy import FRACTIONS, build_anatomy
from myelosketch.simulation.cohort import (
    describe_cohort,
    participants,
    simulated_files,
    truth_file,
    truth_files,
)
from myelosketch.simulation.fields import jacobian_determinant, stream
from myelosketch.simulation.latents import healthy_latents
from myelosketch.simulation.lesions import expert_mask, lesion_load, lesion_volumes, place_lesions
from myelosketch.simulation.participant import simulate_participant
from myelosketch.simulation.settings import DEFAULTS, complete_settings
from myelosketch.tables import read_table
from myelosketch.volumes import check_same_grid, load_volume

COARSE = {"voxel_size_mm": {"anatomy": 4.0, "T1w": 4.0, "dwi": 5.0, "MTR": 5.0, "pet": 6.0}}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A patient (01) and a control (02)."""
    root = tmp_path_factory.mktemp("simulated")
    simulate_participant(root, "01", "MS", COARSE, 7)
    simulate_participant(root, "02", "HC", COARSE, 7)
    return root


@pytest.fixture(scope="module")
def anatomy():
    return build_anatomy("MS", complete_settings(COARSE), stream(7, "01", "anatomy"))


def load(dataset, subject, name):
    group = "MS" if subject == "01" else "HC"
    files = simulated_files(dataset, subject, group) | truth_files(dataset, subject, group)
    return load_volume(files[name])


def hashes(root):
    return {
        str(path.relative_to(root)): file_hash(path)
        for path in sorted(Path(root).rglob("sub-*"))
        if path.is_file()
    }


def test_every_named_file_is_written_and_controls_have_no_lesions(dataset):
    for subject, group in (("01", "MS"), ("02", "HC")):
        for path in (
            simulated_files(dataset, subject, group) | truth_files(dataset, subject, group)
        ).values():
            assert Path(path).is_file(), path
    assert not Path(simulated_files(dataset, "02", "MS")["lesion_mask"]).exists()
    assert "lesion_mask" not in simulated_files(dataset, "02", "HC")


def test_same_seed_same_bytes_and_no_influence_of_the_cohort(dataset, tmp_path):
    simulate_participant(tmp_path, "02", "HC", {**COARSE, "n_patients": 1, "n_controls": 1}, 7)
    alone = hashes(tmp_path)
    together = hashes(dataset)
    assert alone
    assert all(together[name] == value for name, value in alone.items())


def test_another_seed_another_participant(dataset, tmp_path):
    simulate_participant(tmp_path, "02", "HC", COARSE, 8)
    together = hashes(dataset)
    images = {name: value for name, value in hashes(tmp_path).items() if name.endswith(".nii.gz")}
    assert all(together[name] != value for name, value in images.items())


def test_grids_and_background(dataset):
    dvr = load(dataset, "01", "DVR")
    for name in ("rescan", "noisefree", "visible"):
        check_same_grid(dvr, load(dataset, "01", name))
    check_same_grid(load(dataset, "01", "T1w"), load(dataset, "01", "lesion_mask"))
    for name in ("T1w", "FA", "RD", "AD", "MTR", "DVR"):
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
    assert table.volume_mm3.sum() >= 1000 * DEFAULTS["lesion_load_min_ml"] * 0.9
    assert mask.data.sum() * mask.voxel_volume == pytest.approx(table.volume_mm3.sum(), rel=0.35)
    assert table.mean_myelin.between(0, 1.4).all()


def test_measurement_differs_from_the_truth_by_the_configured_noise(dataset):
    sd = DEFAULTS["pet"]["noise_sd"]
    truth, first, second = (load(dataset, "01", name).data for name in ("noisefree", "DVR", "rescan"))
    brain = truth > 0
    assert (first - truth)[brain].std() == pytest.approx(sd, rel=0.1)
    assert (second - truth)[brain].std() == pytest.approx(sd, rel=0.1)
    assert abs(np.corrcoef((first - truth)[brain], (second - truth)[brain])[0, 1]) < 0.1


def test_visible_and_noise_free_differ_by_gain_alone_without_the_unseen_part(tmp_path):
    settings = {**COARSE, "pet": {"unseen_sd": 0.0, "noise_sd": 0.0}}
    simulate_participant(tmp_path, "05", "HC", settings, 1)
    visible, noisefree, measured = (
        load_volume(path).data
        for path in (
            truth_file(tmp_path, "05", "visible"),
            truth_file(tmp_path, "05", "noisefree"),
            simulated_files(tmp_path, "05", "HC")["DVR"],
        )
    )
    ratio = noisefree[visible > 0] / visible[visible > 0]
    assert ratio.std() < 1e-5
    assert ratio.mean() != pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(measured, noisefree)


def test_poses_bring_two_modalities_together(dataset):
    """MTR moved by the true poses onto T1w overlaps the same head; left where it lies, it does not."""
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


def test_warp_never_folds_and_tissues_sum_to_the_brain(anatomy):
    assert jacobian_determinant(anatomy.displacement / 4.0).min() > 0
    total = sum(anatomy.fractions[name] for name in FRACTIONS)
    assert total.max() <= 1 + 1e-4
    assert min(anatomy.fractions[name].min() for name in FRACTIONS) >= 0
    volume_ml = total.sum() * 4.0**3 / 1000
    assert 1200 < volume_ml < 2100


def test_brains_differ_and_are_not_symmetric():
    settings = complete_settings(COARSE)
    first, second = (build_anatomy("HC", settings, stream(1, s, "anatomy")).fractions["white"] for s in "12")
    assert np.abs(first - second).mean() > 0.01
    assert np.abs(first - first[::-1]).mean() > 0.01


def test_patients_have_larger_ventricles():
    settings = complete_settings(COARSE)
    volume = {
        group: np.mean(
            [
                (build_anatomy(group, settings, stream(3, str(i), "x")).ventricle_distance == 0).sum()
                for i in range(4)
            ]
        )
        for group in ("MS", "HC")
    }
    assert volume["MS"] > 1.1 * volume["HC"]


def test_white_matter_coherence_spans_the_real_range(anatomy):
    white = anatomy.fractions["white"] > 0.8
    low, high = np.percentile(anatomy.tract[white], [2, 98])
    assert low < 0.65
    assert high > 1.4
    assert anatomy.tract[white].mean() == pytest.approx(0.97, abs=0.08)


def test_nawm_of_patients_has_less_myelin_and_more_water():
    tract = np.ones((10, 10, 10), np.float32)
    mean = {
        group: {
            name: np.mean(
                [healthy_latents(tract, 4.0, group, stream(2, str(i), "x"))[name] for i in range(30)]
            )
            for name in ("myelin", "water")
        }
        for group in ("MS", "HC")
    }
    assert mean["MS"]["myelin"] < mean["HC"]["myelin"]
    assert mean["MS"]["water"] > mean["HC"]["water"]


def test_lesion_volumes_follow_the_measured_quantiles():
    """Quantiles of 30 patients: 4.2, 10, 21.6, 54, 295 and 2589 mm3 at 5, 25, 50, 75, 95 and 99 %."""
    volumes = lesion_volumes(4e6, np.random.default_rng(0))
    found = np.log(np.percentile(volumes, [5, 25, 50, 75, 95, 99]))
    np.testing.assert_allclose(found, np.log([4.2, 10, 21.6, 54, 295, 2589]), atol=0.3)
    assert volumes.sum() == pytest.approx(4e6, rel=1e-3)
    assert volumes[volumes >= 1000].sum() / volumes.sum() == pytest.approx(0.71, abs=0.12)


@pytest.mark.parametrize(("load_name", "median"), [("early", 5.5), ("clinical", 9.5)])
def test_lesion_load_is_usable_and_has_its_median(load_name, median):
    settings = complete_settings({"lesion_load": load_name})
    loads = [lesion_load(settings, np.random.default_rng(seed)) for seed in range(400)]
    assert min(loads) >= settings["lesion_load_min_ml"]
    assert np.median(loads) == pytest.approx(median, rel=0.25)


def test_lesions_keep_their_total_and_stay_in_white_matter_near_the_ventricles(anatomy):
    lesions = place_lesions(anatomy, 20.0, np.random.default_rng(4))
    assert lesions.member.sum() * 4.0**3 / 1000 == pytest.approx(20, rel=0.15)
    inside = lesions.labels > 0
    assert anatomy.fractions["white"][inside].min() > 0.5
    assert lesions.severity[~inside].max() == 0
    white = anatomy.fractions["white"] > 0.5
    assert anatomy.ventricle_distance[inside].mean() < 0.8 * anatomy.ventricle_distance[white].mean()


def test_more_lesion_than_white_matter_holds_is_refused(anatomy):
    with pytest.raises(InputError, match=r"simulation\.lesion_load gives 900 mL of lesions in \d+ mL"):
        place_lesions(anatomy, 900.0, np.random.default_rng(0))


def test_expert_mask_has_the_volume_of_the_lesions_and_is_never_empty():
    member = np.zeros((8, 8, 8))
    member[2:5, 2:5, 2:5] = 0.9
    member[5, 3, 3] = 0.4
    assert expert_mask(member, np.ones_like(member, bool)).sum() == 27
    faint = np.zeros((8, 8, 8))
    faint[1, 1, 1] = 0.1
    assert expert_mask(faint, np.ones_like(faint, bool)).sum() == 1


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
    ],
)
def test_impossible_settings_are_refused_by_name(settings, sentence):
    with pytest.raises(InputError) as refusal:
        complete_settings(settings)
    assert str(refusal.value) == sentence


def test_unknown_group_is_refused(tmp_path):
    with pytest.raises(InputError, match="Participant 01 is of group 'PPMS'; expected one of MS, HC"):
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
    describe_cohort(tmp_path, 2, 1, COARSE, 7)
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
