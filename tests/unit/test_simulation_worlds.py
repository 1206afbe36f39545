"""Simulated PET: the two worlds, tracts, grey matter, and a second scan with the published repeatability."""

import numpy as np
import pytest
from scipy import ndimage

from myelosketch.errors import InputError
from myelosketch.simulation import grey as grey_module
from myelosketch.simulation import measured_maps, scanner
from myelosketch.simulation.anatomy import build_anatomy
from myelosketch.simulation.cohort import participants
from myelosketch.simulation.fields import stream
from myelosketch.simulation.grey import grey_matter, tissue_values
from myelosketch.simulation.lesions import lesion_load, place_lesions
from myelosketch.simulation.participant import simulate_body, simulate_scans
from myelosketch.simulation.physics import TISSUES, tissue_maps
from myelosketch.simulation.settings import complete_settings
from myelosketch.simulation.template import template
from myelosketch.simulation.tracts import GRID_MM, template_tracts
from myelosketch.simulation.worlds import WORLDS

COARSE = {"voxel_size_mm": {"anatomy": 3.0, "T1w": 4.0, "dwi": 5.0, "MTR": 5.0, "pet": 3.0}}


def test_a_world_gives_what_is_null_and_a_number_of_ones_own_wins():
    for world, values in WORLDS.items():
        pet = complete_settings({"world": world})["pet"]
        assert {name: pet[name] for name in values} == values
    pet = complete_settings({"world": "pessimistic", "pet": {"gain_sd": 0.01, "unseen_sd": None}})["pet"]
    assert (pet["gain_sd"], pet["unseen_sd"]) == (0.01, WORLDS["pessimistic"]["unseen_sd"])


def test_mri_tells_less_of_pet_in_the_pessimistic_world():
    assert all(WORLDS["pessimistic"][name] > value for name, value in WORLDS["as_published"].items())


def test_an_unknown_world_is_refused():
    with pytest.raises(InputError) as refusal:
        complete_settings({"world": "rosy"})
    assert str(refusal.value) == (
        "simulation.world is 'rosy'; expected pessimistic or as_published: correct this key."
    )


def test_tracts_differ_in_binding_smoothly_by_what_literature_has_and_alike_on_both_sides():
    binding = template_tracts()[2]
    step = (slice(None, None, GRID_MM),) * 3
    white = template()[0]["white"][step] > 0.8
    assert binding[white].mean() == pytest.approx(0, abs=0.002)
    assert 0.03 <= binding[white].std() <= 0.06
    steps = [np.abs(np.diff(np.where(white, binding, np.nan), axis=axis)) for axis in range(3)]
    assert max(np.nanmax(part) for part in steps) < 0.04  # from one voxel of 2 mm to the next
    mirrored = np.corrcoef(binding[white & white[::-1]], binding[::-1][white & white[::-1]])[0, 1]
    assert mirrored > 0.95


def test_binding_is_the_same_in_everyone_and_acts_on_dvr_alone_as_far_as_there_is_myelin():
    shape = (2, 2, 2)
    fractions = {name: np.full(shape, float(name == "white"), np.float32) for name in (*TISSUES, "white")}
    for myelin in (1.0, 0.5, 0.0):
        latents = {"myelin": myelin, "axons": 1.0, "water": 0.0, "coherence": 1.0}
        fields = {name: np.full(shape, value, np.float32) for name, value in latents.items()}
        plain, bound = (
            tissue_maps(fractions, fields, np.full(shape, 50.0), binding=value) for value in (0.0, 0.05)
        )
        np.testing.assert_allclose(bound["DVR"] - plain["DVR"], 0.05 * myelin, atol=1e-6)
        for name in ("MTR", "signal_AD", "signal_RD", "T1w", "FLAIR"):
            np.testing.assert_array_equal(bound[name], plain[name])


def test_grey_matter_differs_between_and_within_people_around_its_usual_values():
    settings = complete_settings(COARSE)
    people = []
    for number in range(8):
        anatomy = build_anatomy("HC", settings, stream(3, f"HC{number}", "anatomy"))
        grey = grey_matter(anatomy.fractions, anatomy.voxel, stream(3, f"HC{number}", "grey matter"))
        people.append((anatomy, tissue_values(grey)))
    for tissue in grey_module.GREY:
        for name in grey_module.MAPS:
            values = [maps[tissue][name][anatomy.fractions[tissue] > 0.8] for anatomy, maps in people]
            assert min(part.std() for part in values) > 0.4 * abs(grey_module.WITHIN[name])
            means = np.array([part.mean() for part in values])
            between = grey_module.BETWEEN[tissue][name] + abs(grey_module.WITHIN[name])
            assert 0 < means.std() < 2 * between
            assert means.mean() == pytest.approx(TISSUES[tissue][name], abs=2 * between)
    for _, maps in people:
        assert maps["csf"] == TISSUES["csf"]


def test_unseen_texture_of_grey_matter_is_in_the_pet_and_not_in_what_mri_can_know():
    body = simulate_body("HC01", "HC", complete_settings(COARSE), 3)
    other = {**body, "grey": {**body["grey"], "unseen": -body["grey"]["unseen"]}}
    first, second = (simulate_scans("HC01", one, complete_settings(COARSE), 3) for one in (body, other))
    np.testing.assert_array_equal(first["visible"], second["visible"])
    assert np.abs(first["noisefree"] - second["noisefree"]).max() > 0.02


def test_a_second_scan_has_a_pose_and_a_gain_of_its_own():
    """Without noise it differs from the first by a factor on white matter and by what a registration leaves."""
    settings = complete_settings({**COARSE, "pet": {"noise_sd": 0.0}})
    body = simulate_body("HC01", "HC", settings, 3)
    scans = simulate_scans("HC01", body, settings, 3)
    white = scanner.acquire(body["anatomy"].fractions["white"], body["anatomy"].affine, scans["grids"]["pet"])
    ratio = (scans["rescan"] / np.where(scans["noisefree"] > 0, scans["noisefree"], 1))[white > 0.95]
    assert 0.001 < abs(np.median(ratio) - 1) < 0.08
    assert 0.001 < ratio.std() < 0.06


def test_two_scans_of_about_106_mm3_of_white_matter_differ_by_the_published_tenth():
    """[11C]PIB, eight controls measured twice: below 10 % for regions above 106 mm3 (EJNMMI Res 2024, Logan)."""
    settings = complete_settings({})["pet"]
    shape, affine = (72, 84, 76), np.diag([2.5, 2.5, 2.5, 1.0])
    affine[:3, 3] = scanner.HEAD_CENTRE - 2.5 * (np.array(shape) - 1) / 2
    brain = np.zeros(shape, np.float32)
    brain[8:-8, 8:-8, 8:-8] = 1
    grid = scanner.modality_grid(2.5, np.eye(4))
    sphere = ndimage.generate_binary_structure(3, 1)  # 7 voxels of 2.5 mm: 109 mm3
    differences = []
    for number in range(6):
        rng = np.random.default_rng(number)
        gains = (1.0, measured_maps.rescan_gain(1.0, rng))
        hidden = [(gain - 1) * 1.28 * brain for gain in gains]
        pose = {"rotation_deg": 10.0, "translation_mm": 8.0}
        scans = measured_maps.acquire_pet(
            np.float32(1.28) * brain, hidden, brain, affine, grid, settings, pose, [rng, rng, rng]
        )
        inside = ndimage.binary_erosion(scans["DVR"] != 0, iterations=6)
        means = [ndimage.convolve(scans[name], sphere / sphere.sum())[inside] for name in ("DVR", "rescan")]
        differences.append(np.mean(200 * np.abs(means[0] - means[1]) / (means[0] + means[1])))
    assert 7 < np.mean(differences) < 12


def test_no_patient_of_the_default_cohort_has_fewer_than_60_lesion_voxels():
    """The patient with the least lesion, on the PET grid by the true pose."""
    settings, seed = complete_settings({}), 2018
    patients = participants(settings["n_patients"], 0).subject
    loads = {one: lesion_load(settings, stream(seed, one, "lesions")) for one in patients}
    least = min(loads, key=loads.__getitem__)
    anatomy = build_anatomy("MS", settings, stream(seed, least, "anatomy"))
    rng = stream(seed, least, "lesions")
    lesions = place_lesions(anatomy, lesion_load(settings, rng), rng)
    grid = scanner.modality_grid(settings["voxel_size_mm"]["pet"], np.eye(4))
    assert (scanner.acquire(lesions.member, anatomy.affine, grid) >= 0.5).sum() >= 60
