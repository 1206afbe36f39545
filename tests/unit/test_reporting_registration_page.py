"""The page of the quality control: worst first, every reason, pictures embedded, no network."""

import re

import numpy as np
import pytest
from test_imaging_quality_verdicts import LIMITS, row, write_scans

from myelosketch.imaging.registration.verdicts import gather_quality
from myelosketch.intake.thumbnails import png
from myelosketch.io.provenance import write_bytes
from myelosketch.io.tables import read_table
from myelosketch.reporting.pages import registration as registration_page


@pytest.fixture
def made(tmp_path):
    """Four scans: ok, failed, accepted, and ok but nearer to a limit than the first."""
    missing = {"stretch_mm": "not computed: a free shape is not informative here"}
    scans = {
        "sub-01": [row(), row("MNI152", repeat_mm=2)],
        "sub-02": [row(), row("dwi", repeat_mm=5, stretch_mm=None, missing=missing)],
        "sub-03": [row("MTR", coverage=0.4)],
        "sub-04": [row(border_shift_mm=0.9, given="pet.lta")],
    }
    jsons = write_scans(tmp_path, scans)
    pictures = [path.with_suffix(".png") for path in jsons]
    for path in pictures:
        write_bytes(path, png(np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8)))
    gather_quality(jsons, tmp_path / "qc.tsv", LIMITS, {"sub-03": ["MTR"]})
    return {"table": tmp_path / "qc.tsv", "jsons": jsons, "pictures": pictures}


def test_the_worst_comes_first_and_everything_is_said(made, tmp_path):
    registration_page.write_registration_page(tmp_path / "qc.html", **made)
    text = (tmp_path / "qc.html").read_text()
    assert re.findall(r'<section class="scan (\w+)" id="(.*?)">', text) == [
        ("failed", "sub-02"),
        ("accepted", "sub-03"),
        ("ok", "sub-04"),
        ("ok", "sub-01"),
    ]
    assert "is placed 5.0 mm away when registered again (at most 2.5 mm expected)." in text
    assert "shows 40% of the brain" in text
    assert "lesions: found on the FLAIR" in text
    assert "registration: {accept: {sub-02: [dwi]}}" in text
    assert "n/a: dwi, free shape: not computed: a free shape is not informative here." in text
    assert len(re.findall(r'src="data:image/png;base64,[A-Za-z0-9+/=]{500,}"', text)) == 4
    assert not re.search(r"https?://|<script|<link", text)


def test_what_is_given_is_said(made):
    scans = {scan.name: scan for scan in registration_page.page_content(**made)["scans"]}
    assert scans["sub-04"].table.rows[0][0] == "pet, given"
    assert scans["sub-01"].table.rows[0][0] == "pet"
    table = read_table(made["table"]).set_index(["scan", "modality"])
    assert table.given["sub-04", "pet"] == "pet.lta"


def test_counts_and_numbers(made):
    content = registration_page.page_content(**made)
    assert content["counts"] == {"failed": 1, "accepted": 1, "ok": 2}
    scan = content["scans"][0]
    assert scan.problems[0][0] == "dwi"
    assert scan.table.rows[1][:3] == ["dwi", "failed", "0.980"]
    assert scan.table.rows[1][-1] == "n/a"
    assert len(scan.table.header) == len(scan.table.rows[0])


def test_a_large_page_goes_without_pictures_of_good_scans(made, monkeypatch):
    monkeypatch.setattr(registration_page, "MAX_PICTURES", 3)
    content = registration_page.page_content(**made)
    assert [bool(scan.picture) for scan in content["scans"]] == [True, True, True, False]
    assert content["without_pictures"] == 1


def test_nothing_failed_and_nothing_to_accept(made, tmp_path):
    gather_quality(made["jsons"], made["table"], LIMITS, {"sub-02": ["dwi"], "sub-03": ["MTR"]})
    registration_page.write_registration_page(tmp_path / "qc.html", **made)
    assert "stop the run" not in (tmp_path / "qc.html").read_text()
