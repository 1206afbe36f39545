"""A second site differs in its configured properties, and only in them."""

import pytest

from myelosketch.errors import InputError
from myelosketch.simulation.cohort import simulated_people
from myelosketch.simulation.settings import complete_settings
from myelosketch.simulation.sites import SITES, site_settings


@pytest.mark.parametrize("site", SITES)
def test_every_site_is_a_valid_and_different_setting(site):
    usual = complete_settings({})
    there = complete_settings(site_settings({}, site))
    assert there != usual
    assert there["pet"]["blur_fwhm_mm"] != usual["pet"]["blur_fwhm_mm"]


def test_a_site_keeps_what_it_does_not_name():
    settings = {"pet": {"unseen_sd": 0.01, "blur_fwhm_mm": 1.0}, "lesion_load": "early"}
    there = site_settings(settings, "B")
    assert there["pet"]["unseen_sd"] == 0.01
    assert there["pet"]["blur_fwhm_mm"] == SITES["B"]["pet"]["blur_fwhm_mm"]
    assert there["lesion_load"] == "clinical"
    assert settings["pet"]["blur_fwhm_mm"] == 1.0
    assert site_settings(settings, "A") == site_settings(settings, "T") == settings


def test_an_unknown_site_is_refused_by_its_key():
    with pytest.raises(InputError) as refusal:
        site_settings({}, "Z")
    assert str(refusal.value) == "simulation.external.site is 'Z'; expected one of B, C, T: correct this key."


def test_people_of_two_sites_have_names_of_their_own():
    people = simulated_people(
        {"n_patients": 2, "n_controls": 1, "external": {"site": "B", "n_patients": 1, "n_controls": 1}}
    )
    assert people.subject.tolist() == ["MS01", "MS02", "HC01", "MSB01", "HCB01"]
    assert people.site.tolist() == ["A", "A", "A", "B", "B"]
    assert people.group.tolist() == ["MS", "MS", "HC", "MS", "HC"]
