"""The page of a new patient, for every state of its numbers, and the overview of all scans."""

import math
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from drawings import luma
from new_scan import (
    ACCEPT,
    AFFINE,
    HEALTHY,
    LESIONS,
    MAPS,
    SHAPE,
    head,
    model,
    numbers_of,
    withheld,
    write_new_scan,
)

from myelosketch.errors import GeometryError
from myelosketch.io.provenance import write_json
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import save_volume
from myelosketch.reporting.figures import style
from myelosketch.reporting.pages import new_patient as page_module
from myelosketch.reporting.pages.dvr_axis import MARGIN, axis_range, dvr_axis
from myelosketch.reporting.pages.new_patient import printed_sheet, with_settings, write_new_patient_page
from myelosketch.reporting.pages.new_patient_slices import (
    choose_strip,
    lesion_words,
    load_new_maps,
    nearest_slice,
    scales,
    slice_place,
)
from myelosketch.reporting.pages.predictions import without_prediction, write_predictions_page
from myelosketch.reporting.tables import new_patient as tables
from myelosketch.reporting.tables.text import HtmlTable

RESEARCH = (
    "<strong>Research use only.</strong> Predicted maps are not measurements and must not guide the care of a "
    "patient."
)
SIMULATED = (
    "<strong>This model was trained on simulated patients:</strong> nobody was measured to make it, and nothing here "
    "is true of a real brain."
)
FROM_FLAIR = (
    "<strong>Lesions from FLAIR.</strong> No lesion mask was given. The lesions were found on the FLAIR by a "
    "classical method, not drawn by a reader."
)
VOID = {"meta", "img", "line", "rect", "circle", "path", "use", "link", "br"}


class Outline(HTMLParser):
    """Unbalanced tags, ids and addresses of a page."""

    def __init__(self):
        super().__init__()
        self.open, self.faults, self.ids, self.addresses, self.tags = [], [], [], [], set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "srcset", "action", "xlink:href"):
                self.addresses.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID and self.open.pop() != tag:
            self.faults.append(tag)


def made(folder, numbers=None, *, maps=None, keys=MAPS, **options):
    """HTML of the page of a scan."""
    maps = maps or head()
    files = write_new_scan(folder, maps, numbers or numbers_of(maps), keys=keys)
    write_new_patient_page(folder / "page.html", files, **{"method": "refiner", "colours": "paper"} | options)
    return (folder / "page.html").read_text(encoding="utf-8")


def without_mask(maps):
    return numbers_of(
        maps, lesion_source="none", group=None, n_lesions=None, lesion_volume_ml=None, n_lesion_voxels=0
    )


def state(name):
    """Maps and numbers of a scan in one of the states that a page must show."""
    if name in ("no mask", "empty mask"):
        maps = head(())
        return maps, without_mask(maps) if name == "no mask" else numbers_of(maps)
    maps = head()
    bare = {"value": 64.0, "low": None, "high": None, "level": None, "note": "none"}
    changes = {
        "ok": {},
        "unusual": {
            "verdict": "unusual",
            "reasons": ["MTR in white matter is 36.1 % (37.2 to 44.0 expected)."],
        },
        "withheld": {},
        "simulated": {"model": model(simulated=True)},
        "flair": {"lesion_source": "flair"},
        "no interval": {"pct_demyelinated": bare},
    }[name]
    numbers = numbers_of(maps, **changes)
    return maps, withheld(numbers) if name == "withheld" else numbers


STATES = ("ok", "unusual", "withheld", "simulated", "flair", "no interval", "no mask", "empty mask")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """HTML of a page in every state."""
    found = {}
    for name in STATES:
        maps, numbers = state(name)
        found[name] = made(tmp_path_factory.mktemp("new"), numbers, maps=maps)
    return found


def text_of(page):
    """The visible text, without tags, images and style, with single spaces."""
    page = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def cards_of(page):
    """Large value of each main number, by its name."""
    return dict(re.findall(r'<dt>([^<]+)</dt><dd class="large[^"]*">([^<]+)</dd>', page))


@pytest.mark.parametrize("name", STATES)
def test_a_page_is_whole_and_fetches_nothing(pages, name):
    outline = Outline()
    outline.feed(pages[name])
    assert outline.faults == []
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)
    anchors = {address[1:] for address in outline.addresses if address.startswith("#")}
    assert anchors <= set(outline.ids)
    others = [address for address in outline.addresses if not address.startswith("#")]
    assert others
    assert all(address.startswith("data:image/png;base64,") for address in others)
    assert "script" not in outline.tags
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in pages[name]
    assert not re.search(r"https?://|@import|url\(", pages[name])


@pytest.mark.parametrize("name", STATES)
def test_banners_say_what_the_page_is(pages, name):
    assert (RESEARCH in pages[name], pages[name].index(RESEARCH) < pages[name].index("Verdict:")) == (
        True,
        True,
    )
    assert (SIMULATED in pages[name]) == (name == "simulated")
    assert (FROM_FLAIR in pages[name]) == (name == "flair")
    assert ("simulated" in text_of(pages[name])) == (name == "simulated")


def test_parts_come_in_their_order(pages):
    parts = [
        "<h1>sub-01: myelin predicted from MRI</h1>", "Research use only.", "Verdict: ok.", 'id="numbers"',
        'class="axis"', 'id="slices"', 'id="enlarged"', 'id="lesions"', 'id="quality"',
        "The maps against those of the training scans", "Scores of this model</h2>",
        "SHA-256 of the model", "What n/a means",
    ]  # fmt: skip
    places = [pages["ok"].index(part) for part in parts]
    assert places == sorted(places)


def test_main_numbers_are_those_of_the_json(pages):
    maps, numbers = state("ok")
    cards = cards_of(pages["ok"])
    share = round(numbers["pct_demyelinated"]["value"])
    assert cards == {
        "Demyelinated share of the lesions": f"{share} %",
        "Mean DVR of the lesions": f"{maps['predicted'][maps['regions'] == 3].mean():.2f}",
        "Mean DVR of normal-appearing white matter": f"{maps['predicted'][maps['regions'] == 2].mean():.2f}",
        "Healthy white matter": "1.27 \u00b1 0.10",
    }
    lesions = numbers["regions"]["lesions"]
    assert f"90 % interval: {lesions['low']:.2f} to {lesions['high']:.2f}" in pages["ok"]
    assert "DVR below 1.17, the healthy mean \u2212 1 SD" in pages["ok"]
    assert "mean \u00b1 SD of single voxels of white matter, 10 controls of the model" in pages["ok"]


def test_an_unusual_scan_says_why(pages):
    assert '<section class="verdict unusual"' in pages["unusual"]
    assert "<li>MTR in white matter is 36.1 % (37.2 to 44.0 expected).</li>" in pages["unusual"]
    assert cards_of(pages["unusual"]) == cards_of(pages["ok"])


def test_a_withheld_scan_gives_no_number_and_no_map(pages):
    page = pages["withheld"]
    assert '<section class="verdict withheld"' in page
    assert f"accept it by <code>{ACCEPT}</code></li>" in page
    assert list(cards_of(page).values()) == ["n/a: withheld"] * 3 + ["1.27 \u00b1 0.10"]
    assert 'class="axis"' not in page
    alts = set(re.findall(r'alt="(\w+)[^"]*"', page))
    assert alts == {"MTR", "FA", "RD", "AD", "Colour"}
    assert "The predicted map is withheld." in page
    assert "n/a: withheld." in text_of(page)


def test_a_withheld_scan_needs_no_prediction_and_hides_numbers_given_all_the_same(tmp_path):
    numbers = numbers_of(head(), verdict="withheld")
    page = made(tmp_path, numbers, keys=("mtr", "fa", "rd", "ad", "regions"))
    assert list(cards_of(page).values())[:3] == ["n/a: withheld"] * 3
    assert f"{numbers['regions']['lesions']['mean_dvr']:.2f} (" not in page


@pytest.mark.parametrize(
    ("name", "reason"),
    [("no mask", "n/a: no lesion mask"), ("empty mask", "n/a: no lesion in the lesion mask")],
)
def test_without_lesions_white_matter_is_given_and_lesions_are_not(pages, name, reason):
    cards = cards_of(pages[name])
    assert cards["Demyelinated share of the lesions"] == reason
    assert cards["Mean DVR of the lesions"] == reason
    white = "white matter, lesions included" if name == "no mask" else "normal-appearing white matter"
    assert re.fullmatch(r"1\.2\d", cards[f"Mean DVR of {white}"])
    assert f'<p class="missing">{reason}.</p>' in pages[name]
    assert f"outline of a lesion (none to draw: {reason.removeprefix('n/a: ')})" in pages[name]
    assert 'id="enlarged"' not in pages[name]
    assert "Go to" not in pages[name]


def test_hyperintensities_of_a_control_are_no_lesions():
    numbers = {"lesion_source": "mask", "group": "HC", "n_lesion_voxels": 0}
    assert tables.no_lesions(numbers) == "n/a: hyperintensities of a control count as other tissue"


def test_small_facts(pages):
    maps, _ = state("ok")
    load = (maps["regions"] == 3).sum() * 64 / 1000
    assert "<dt>Lesions listed</dt><dd>3</dd>" in pages["ok"]
    assert f"<dt>Lesion load</dt><dd>{load:.1f} mL</dd>" in pages["withheld"]
    assert "<dt>Lesions</dt><dd>n/a: no lesion mask</dd>" in pages["no mask"]
    assert "<dt>Lesions from</dt><dd>found on the FLAIR</dd>" in pages["flair"]


def test_a_withheld_scan_without_a_mask_says_both(tmp_path):
    maps = head(())
    page = made(tmp_path, withheld(without_mask(maps) | {"regions": {}}), maps=maps)
    assert cards_of(page)["Mean DVR of the lesions"] == "n/a: withheld"
    assert "<dt>Lesions</dt><dd>n/a: no lesion mask</dd>" in page
    assert "(none to draw: no lesion mask)" in page


def test_nothing_found_on_a_flair_is_said(tmp_path):
    maps = head(())
    page = made(tmp_path, numbers_of(maps, lesion_source="flair"), maps=maps)
    assert cards_of(page)["Mean DVR of the lesions"] == "n/a: no lesion found on the FLAIR"


def test_an_interval_that_cannot_be_had_says_so_and_the_number_stays(pages):
    page = pages["no interval"]
    assert cards_of(page)["Demyelinated share of the lesions"] == "64 %"
    assert '<dd>interval n/a</dd><dd class="note">none</dd>' in page


def test_levels_are_cut_to_whole_percent_so_that_they_promise_no_more():
    assert [tables.level_words(level) for level in (0.9, 5 / 6, None, math.nan)] == [
        "90 %",
        "83 %",
        "n/a",
        "n/a",
    ]


def test_lesions_are_listed_from_the_largest_and_lead_to_their_slice(pages):
    maps, numbers = state("ok")
    numbers["lesions"].reverse()
    table = tables.lesion_table(numbers, {"1": "#slice-19"})
    assert [row[0] for row in table.rows] == ["1", "2", "3"]
    volumes = [5 * 5 * 3 * 64, 3 * 3 * 2 * 64, 2 * 2 * 64]
    assert [row[2] for row in table.rows] == [str(volume) for volume in volumes]
    large, small = "\u2265 1000 mm\u00b3", "100\u2013300 mm\u00b3"
    assert [row[1] for row in table.rows] == [large, large, small]
    mean = maps["predicted"][LESIONS[0]].mean()
    assert table.rows[0][3] == f"{mean:.2f} ({mean - 0.09:.2f} to {mean + 0.09:.2f})"
    assert table.note.startswith("Level of the intervals: 90 %. Each is for one lesion;")
    assert "Notes on some intervals" not in table.note
    numbers["lesions"][0]["note"] = numbers["lesions"][1]["note"] = "lesions of all sizes together"
    note = tables.lesion_table(numbers, {}).note
    assert note.endswith(" Notes on some intervals: lesions of all sizes together.")
    assert re.search(r'<th scope="row"><a href="#slice-\d+">1</a></th>', pages["ok"])


def test_small_lesions_alone_make_no_table():
    numbers = numbers_of(head()) | {"lesions": []}
    words = "No lesion is large enough to be listed. Small lesions count in the numbers above."
    assert tables.lesion_table(numbers, {}).missing == words


def test_registration_has_a_column_per_image_and_no_blank_reasons():
    numbers = numbers_of(head())
    verdicts, measured = tables.quality_tables(numbers)
    assert verdicts.header == ["Image", "Verdict"]
    assert measured.header == ["Measure", "dwi", "MTR"]
    assert ["Normalised mutual information", "1.201", "1.201"] in measured.rows
    numbers["quality"][0] |= {"verdict": "accepted", "reason": "shows 80% of the brain", "nmi": None}
    verdicts, measured = tables.quality_tables(numbers)
    assert verdicts.rows[0] == ["dwi", "accepted", "shows 80% of the brain"]
    assert ["Normalised mutual information", "n/a", "1.201"] in measured.rows
    (nothing,) = tables.quality_tables(numbers | {"quality": []})
    assert nothing.missing == "The registration of this scan was not judged."


def test_range_is_folded_only_where_nothing_is_off():
    numbers = numbers_of(head())
    table = tables.range_table(numbers)
    assert table.folded
    assert table.header == ["Map", "What", "Verdict", "This scan", "Training scans", "Expected", "z"]
    assert table.rows[0] == ["MTR", "median in white matter", "ok", "41.8", "41", "36.9 to 45.1", "0.4"]
    row = {"map": "petref", "feature": "coverage", "value": 0.5, "expected": 0.99, "low": -0.1, "high": 1.2,
           "z": -9.0, "verdict": "out_of_range", "reason": "part of the head is missing."}  # fmt: skip
    numbers["range"].append(row)
    table = tables.range_table(numbers)
    assert not table.folded
    assert table.rows[-1] == ["Grid of the maps", "share of white matter shown", "out of range",
                              "part of the head is missing.", "0.5", "0.99", "0 to 1", "\u22129.0"]  # fmt: skip
    assert tables.range_table(numbers | {"range": []}).missing == "The maps of this scan were not compared."


def test_scores_stand_beside_the_trivial_baseline():
    numbers = numbers_of(head())
    table = tables.score_table(numbers)
    assert table.header == ["Score", "Refiner (Wei 2018)", "Trivial: control-mean template", "Participants"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["Lesion MAE (DVR)"] == ["0.062 (0.052 to 0.072)", "0.130 (0.120 to 0.140)", "18"]
    assert rows["Pearson r of lesion means"] == ["0.61 (0.60 to 0.62)", "n/a", "18"]
    assert rows["Trivial Dice"][0] == "0.78 (0.77 to 0.79)"
    assert (
        tables.score_table(numbers | {"model": model(scores=[])}).missing == "The model contains no scores."
    )


def test_scores_are_those_of_the_threshold_in_force():
    row = {"method": "refiner", "metric": "mcc", "ci_low": 0.1, "ci_high": 0.5, "n": 18}
    scores = [row | {"k": 0.5, "mean": 0.9}, row | {"k": 1.0, "mean": 0.3}]
    table = tables.score_table(numbers_of(head(), model=model(scores=scores)))
    assert table.rows == [["MCC", "0.30 (0.10 to 0.50)", "n/a", "18"]]


def test_the_model_is_named(pages):
    assert f"<dd>{'0123456789abcdef' * 4}</dd>" in pages["ok"]
    assert "<dt>Trained by</dt><dd>myelosketch 0.1.0, commit c0ffeec0ffee</dd>" in pages["ok"]
    assert "<dd>18 patients and 10 controls, measured</dd>" in pages["ok"]
    assert "<dd>18 patients and 10 controls, simulated</dd>" in pages["simulated"]
    assert "on 18 simulated patients and 10 simulated controls" in text_of(pages["simulated"])
    assert "<dt>Voxel of the model</dt><dd>2 \u00d7 2 \u00d7 2 mm</dd>" in pages["ok"]


def test_tables_of_others_have_a_section_of_their_own(tmp_path):
    extra = {
        "Change since sub-01_ses-01": [HtmlTable("Lesions", ["Lesion", "Change"], [["1", "\u22120.05"]])]
    }
    page = made(tmp_path, extra=extra)
    places = [
        page.index(part) for part in ('id="lesions"', "<h2>Change since sub-01_ses-01</h2>", 'id="quality"')
    ]
    assert places == sorted(places)
    assert "<span>\u22120.05</span>" in page


def test_what_others_write_is_escaped(tmp_path):
    numbers = numbers_of(head(), verdict="unusual", reasons=["<script>alert(1)</script>"], site="<b>")
    page = made(tmp_path, numbers)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_line_of_the_configuration_is_code():
    assert with_settings("a < b") == "a &lt; b"
    found = with_settings("MTR & dwi failed: accept by registration: {accept: {sub-01: [MTR]}}.")
    assert found == "MTR &amp; dwi failed: accept by <code>registration: {accept: {sub-01: [MTR]}}</code>."


def maps_of(folder, maps=None, affine=AFFINE):
    maps = maps or head()
    return load_new_maps(write_new_scan(folder, maps, {}, affine=affine), predicted=True)


def test_slices_run_down_through_the_lesions_and_hold_the_widest(tmp_path):
    maps = maps_of(tmp_path)
    strip, printed = choose_strip(maps, 3)
    assert printed == [18, 14, 22]
    assert set(printed) <= set(strip)
    assert strip == sorted(strip, reverse=True)
    assert (strip[-1], strip[0]) == (14 - 2, 22 + 2)  # 8 mm beyond the lesions of slices 14 to 22
    assert np.all(np.diff(strip) == -1)  # every 4 mm
    assert choose_strip(maps, 1)[1] == [18]
    assert nearest_slice(maps, 1, [22, 20, 14]) == 20
    assert nearest_slice(maps, 1, [24, 14]) == 14  # none shows it: the widest is slice 18


def test_without_lesions_the_whole_brain_is_shown(tmp_path):
    maps = maps_of(tmp_path, head(()))
    strip, printed = choose_strip(maps, 3)
    area = maps.brain.sum(axis=(0, 1))
    assert len(strip) > 20
    assert all(area[z] > 0.1 * area.max() for z in strip)
    assert len(printed) == 3
    assert set(printed) <= set(strip)


def test_thin_slices_are_shown_every_4_mm(tmp_path):
    thin = AFFINE @ np.diag([1, 1, 0.25, 1])
    strip, printed = choose_strip(maps_of(tmp_path, affine=thin), 3)
    gaps = -np.diff(sorted(set(strip) - set(printed)))
    assert len(strip) <= 8
    assert np.all(np.abs(gaps) >= 4)


def test_what_a_slice_shows_is_said():
    assert lesion_words([1, 4], 5) == "lesions 1, 4"
    assert lesion_words([1, 9], 5) == "lesion 1 and small ones"
    assert lesion_words([9], 5) == "small lesions only"
    assert lesion_words([9], 0) == "with lesions"
    assert lesion_words([], 5) == ""


def test_place_of_a_slice_is_in_mm_of_the_scanner(pages):
    assert slice_place(AFFINE, SHAPE, 18) == "z = +22 mm"
    assert slice_place(AFFINE, SHAPE, 2) == "z = \u221242 mm"
    assert "<h3>z = +22 mm: lesion 1</h3>" in pages["ok"]
    assert "Predicted DVR, axial slice at z = +22 mm" in pages["ok"]


def test_every_slice_has_its_six_maps_and_its_sides(pages):
    rows = re.findall(r'<section class="row.*?</section>', pages["ok"], flags=re.S)
    for row in rows:
        alts = re.findall(r'alt="([^,"]+), axial slice at', row)
        assert alts == ["MTR", "FA", "RD", "AD", "Predicted DVR", "Expected error"]
        for side in "LRAP":
            assert len(re.findall(rf'aria-hidden="true">{side}</span>', row)) == 6
    here = next(row for row in rows if "z = +22 mm" in row)
    assert len(re.findall(r'<use href="#outline-18"/>', here)) == 6
    signs = re.findall(r'<path class="sign" d="([^"]+)"', here)
    assert len(signs) == 1
    maps, _ = state("ok")
    assert signs[0].count("M") == maps["demyelinated"][:, :, 18].sum() > 0


def test_colour_bars_carry_units_and_dvr_has_one_scale_per_model(tmp_path, pages):
    maps = maps_of(tmp_path)
    found = scales(maps, HEALTHY)
    assert found["Predicted DVR"] == (pytest.approx((0.85, 1.5)), style.DVR_CMAP)
    low, high = found["Expected error"][0]
    assert low == 0
    assert np.percentile(maps.shown["Expected error"][maps.brain], 98) <= high
    for name, unit in (("MTR", "%"), ("RD", "\u00d710\u207b\u00b3 mm\u00b2/s"), ("Predicted DVR", "ratio")):
        assert f"<strong>{name}</strong>{unit}<img" in pages["ok"]


def test_flipped_axes_show_the_same_slices(tmp_path):
    straight = maps_of(tmp_path)
    turned = AFFINE.copy()
    turned[0] *= -1
    turned[0, 3] = AFFINE[0, 3] + 4.0 * (SHAPE[0] - 1)
    maps = {name: data[::-1] for name, data in head().items()}
    (tmp_path / "flipped").mkdir()
    flipped = maps_of(tmp_path / "flipped", maps, affine=turned)
    assert np.array_equal(straight.lesions, flipped.lesions)
    assert all(np.allclose(straight.shown[name], flipped.shown[name]) for name in straight.shown)


def test_maps_on_another_grid_are_refused(tmp_path):
    files = write_new_scan(tmp_path, head(), numbers_of(head()))
    save_volume(files["expected_error"], np.zeros(SHAPE, np.float32), AFFINE * 1.1)
    with pytest.raises(GeometryError):
        write_new_patient_page(tmp_path / "page.html", files, method="refiner", colours="paper")


@pytest.mark.parametrize("colours", ["paper", "colourblind"])
def test_the_sign_of_a_demyelinated_voxel_stands_out_from_every_low_dvr(tmp_path, colours):
    page = made(tmp_path, colours=colours)
    colour = style.DEMYELINATED_COLOURS[colours]
    assert f'style="stroke: {colour}"' in page
    low, high = 0.85, 1.5
    share = (HEALTHY["threshold"] - low) / (high - low)
    import matplotlib as mpl

    below = [mpl.colors.to_hex(mpl.colormaps[style.DVR_CMAP](x)) for x in np.linspace(0, share, 20)]
    assert min(abs(luma(colour) - luma(other)) for other in below) > 0.15


def test_a_page_stays_small(pages):
    assert all(len(page) < 1_000_000 for page in pages.values())


def test_the_axis_holds_every_value_in_order():
    regions = [
        ("White matter", "", {"mean_dvr": 1.24, "low": 1.2, "high": 1.28}),
        ("Lesions", "", {"mean_dvr": 1.05, "low": None, "high": None}),
    ]
    axis = dvr_axis(HEALTHY, regions)
    white, lesions = axis.spans
    assert (lesions.low, lesions.high) == (None, None)
    places = [
        lesions.middle,
        axis.threshold,
        white.low,
        white.middle,
        axis.healthy[1],
        white.high,
        axis.healthy[2],
    ]
    assert places == sorted(places)
    assert axis.healthy[0] == axis.threshold  # k = 1
    assert [text for _, text in axis.ticks] == ["1.05", "1.10", "1.15", "1.20", "1.25", "1.30", "1.35"]
    places = [place for place, _ in axis.ticks]
    assert np.allclose(np.diff(places), places[1] - places[0], atol=0.02)
    assert lesions.middle == places[0]
    assert all(MARGIN <= place <= 100 - MARGIN for place in [*places, lesions.middle, axis.healthy[2]])


def test_an_axis_has_room_beside_the_values_and_few_ticks():
    low, high, ticks = axis_range([0.2, 3.0])
    assert (low, high) == pytest.approx((0.2 - 0.224, 3.0 + 0.224))
    assert ticks == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3])
    low, high, ticks = axis_range([1.2, 1.2])
    assert (low, high, ticks) == (pytest.approx(1.192), pytest.approx(1.208), pytest.approx([1.2]))


def test_the_printed_sheet_shows_fewer_slices_the_more_it_says():
    numbers = numbers_of(head())
    assert printed_sheet(numbers, 1.2)[0] == page_module.PRINTED
    many = numbers | {"reasons": ["a reason of some length, " * 8] * 6}
    slices, width = printed_sheet(many, 1.2)
    assert 1 <= slices < page_module.PRINTED
    assert page_module.SHEET_PANEL_MM[0] <= width <= page_module.SHEET_PANEL_MM[1]
    assert printed_sheet(numbers | {"reasons": ["a reason"] * 40}, 1.2) == (1, page_module.SHEET_PANEL_MM[0])


def test_only_the_telling_slices_are_printed(pages):
    printed = re.findall(r'<section class="row" id="slice-(\d+)">', pages["ok"])
    assert sorted(map(int, printed)) == [14, 18, 22]
    assert re.search(r"@media print \{.*\.row\.unprinted \{ display: none; \}", pages["ok"], flags=re.S)


# ---- the overview


def overview(folder, scans, failed=()):
    paths, pages = [], {}
    for numbers in scans:
        path = folder / f"numbers/{numbers['scan']}.json"
        write_json(path, numbers)
        paths.append(path)
        pages[numbers["scan"]] = folder / f"patients/{numbers['scan']}.html"
    write_predictions_page(folder / "predictions.html", paths, pages=pages, failed=list(failed))
    return (folder / "predictions.html").read_text(encoding="utf-8")


def test_the_overview_has_a_row_per_scan(tmp_path):
    maps = head()
    good = numbers_of(maps)
    bad = withheld(numbers_of(maps, scan="sub-02"))
    bare = without_mask(head(())) | {"scan": "sub-03"}
    page = overview(tmp_path, [good, bad, bare], [{"scan": "sub-04", "reason": "sub-04: no T1w & no MTR."}])
    outline = Outline()
    outline.feed(page)
    assert (outline.faults, outline.open) == ([], [])
    assert "script" not in outline.tags
    assert outline.addresses == [f"patients/sub-0{n}.html" for n in (1, 2, 3)]
    words = text_of(page)
    share = good["pct_demyelinated"]
    assert f"{share['value']:.0f} % ({share['low']:.0f} to {share['high']:.0f} %)" in words
    assert f"sub-02 MS withheld {bad['reasons'][0]} n/a: withheld n/a: withheld n/a: withheld" in words
    assert "sub-03 n/a ok n/a: no lesion mask n/a: no lesion mask 1.2" in words
    assert "sub-04 sub-04: no T1w &amp; no MTR." in words
    assert re.findall(r"<dt>([\w ]+)</dt><dd>(\d)</dd>", page) == [
        ("Ok", "2"), ("Unusual", "0"), ("Withheld", "1"), ("Without prediction", "1"),
    ]  # fmt: skip
    assert "In brackets: intervals, level 90 %." in page
    assert "White matter of a scan without a lesion mask includes its lesions." in page
    assert RESEARCH in page
    assert "simulated" not in words


def test_the_overview_of_a_simulated_model_says_so(tmp_path):
    page = overview(tmp_path, [numbers_of(head(), model=model(simulated=True))])
    assert SIMULATED in page
    assert "Scans without a prediction" not in page


def test_who_has_no_prediction_stands_in_the_table_of_predictions(tmp_path):
    rows = [
        ["sub-01", "withheld", "MTR is unlike."],
        ["sub-02", "failed", "no brain."],
        ["sub-03", "left_out", "no MTR in the table"],
    ]
    write_table(pd.DataFrame(rows, columns=["scan", "verdict", "reasons"]), tmp_path / "predictions.tsv")
    found = without_prediction(tmp_path / "predictions.tsv")
    assert found == [
        {"scan": "sub-02", "reason": "no brain."},
        {"scan": "sub-03", "reason": "no MTR in the table"},
    ]


def test_an_overview_where_everything_failed(tmp_path):
    page = overview(tmp_path, [], [{"scan": "sub-01", "reason": "no T1w."}])
    assert "No scan has a prediction." in page
    assert "Scans without a prediction" in page


def test_a_share_that_is_hardly_known_is_said_to_be():
    good = numbers_of(head())
    share = good["pct_demyelinated"]
    wide = good | {"pct_demyelinated": share | {"low": 24.6, "high": 100.0}}
    assert tables.wide_interval(wide) == (
        "The interval of the demyelinated share spans 75 of 100 points: for a single patient this model hardly "
        "tells whether few or most lesion voxels are demyelinated. Means over many patients are more precise."
    )
    assert tables.wide_interval(good | {"pct_demyelinated": share | {"low": 40.0, "high": 89.0}}) == ""
    assert tables.wide_interval(wide | {"verdict": "withheld"}) == ""
    assert tables.wide_interval(wide | {"lesion_source": "none"}) == ""
    assert tables.wide_interval(good | {"pct_demyelinated": share | {"low": None, "high": None}}) == ""
