"""The page of the intake: worst first, each finding with its remedy, pictures embedded, no network."""

import re

import numpy as np
import pandas as pd
import pytest
from intake_scans import copied, inspected, make_maps, part_of_head, rewrite, row

from myelosketch.intake.gate import gather_intake
from myelosketch.io.tables import write_table
from myelosketch.io.units import default_units
from myelosketch.reporting.pages import intake as intake_page


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Intake of four scans: ok, refused, suspicious, accepted; the arguments of the page."""
    monkeypatch.setattr("myelosketch.intake.mirror.COMPARED", ())
    paths = []
    for seed in range(1, 5):
        (tmp_path / f"data{seed}").mkdir()
        files = copied(make_maps(tmp_path / f"data{seed}", seed), tmp_path / f"scan{seed}")
        if seed == 2:
            rewrite(files["FA"], lambda voxels: voxels * 0)
        if seed > 2:
            rewrite(files["lesion_mask"], lambda voxels, seed=seed: np.roll(part_of_head(0.3), seed, axis=0))
        paths += inspected([row(files, subject=f"0{seed}")], tmp_path / "out", units=default_units())
    gather_intake(paths, tmp_path / "intake.tsv", {"sub-04": ["lesion_volume"], "all": ["apart"]})
    left_out = pd.DataFrame([["sub-05", "HC", "no MTR in the table"]], columns=["scan", "group", "reason"])
    write_table(left_out, tmp_path / "excluded.tsv")
    return {
        "intake": tmp_path / "intake.tsv",
        "excluded": tmp_path / "excluded.tsv",
        "inspections": paths,
    }


def test_the_worst_comes_first_and_everything_is_said(made, tmp_path):
    intake_page.write_intake_page(tmp_path / "intake.html", **made)
    text = (tmp_path / "intake.html").read_text()
    assert re.findall(r'<section class="scan (\w+)" id="(.*?)">', text) == [
        ("refused", "sub-02"),
        ("suspicious", "sub-03"),
        ("accepted", "sub-04"),
        ("ok", "sub-01"),
    ]
    assert "contains only 0: is this the right file? Export it again." in text
    assert "no MTR in the table" in text
    assert len(re.findall(r'src="data:image/png;base64,[A-Za-z0-9+/=]{500,}"', text)) == 4
    assert not re.search(r"https?://|<script|<link", text)


def test_counts_and_what_to_add_to_the_configuration(made):
    content = intake_page.page_content(**made)
    assert content["counts"] == {"refused": 1, "suspicious": 1, "accepted": 1, "ok": 1}
    by_name = {scan.name: scan for scan in content["scans"]}
    assert by_name["sub-03"].problems[0].entry == "cohort: {accept: {sub-03: [lesion_volume]}}"
    assert by_name["sub-04"].problems[0].entry == ""
    assert by_name["sub-01"].columns == ["T1w", "FLAIR", "lesion_mask", "FA", "RD", "AD", "MTR", "DVR"]


def test_a_large_page_goes_without_pictures_of_good_scans(made, monkeypatch):
    monkeypatch.setattr(intake_page, "MAX_PICTURES", 3)
    content = intake_page.page_content(**made)
    assert [bool(scan.picture) for scan in content["scans"]] == [True, True, True, False]
    assert content["without_pictures"] == 1
