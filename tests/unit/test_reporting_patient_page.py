"""A patient's page: the right slices, the stored voxels, the numbers of the tables, and no external files."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from report_run import AFFINE, SHAPE, patient, predictions, write_maps, write_run

from myelosketch.errors import GeometryError
from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import save_volume
from myelosketch.reporting.figures import style
from myelosketch.reporting.figures.slices import Window
from myelosketch.reporting.pages import patient as patient_page
from myelosketch.reporting.pages.lesion_pictures import lesion_pictures
from myelosketch.reporting.pages.patient import choose_slices, load_maps, write_patient_pages
from myelosketch.reporting.pages.slice_panels import agreement_panel, mark_path, outline_path, png_uri
from myelosketch.reporting.tables.lesions import disagreement_table

METHODS = ["the_mean", "refiner"]
PEOPLE = ["MS01", "MS02"]


def pages_of(root, scans, **changes):
    options = {
        "methods": METHODS, "method": "refiner", "k": 1.0, "colours": "paper",
        "simulated": True, "world": "pessimistic",
    } | changes  # fmt: skip
    pages = {scan: root / f"patients/{scan}.html" for scan in scans}
    write_patient_pages(pages, RunFolder(root), **options)
    return [path.read_text(encoding="utf-8") for path in pages.values()]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patients") / "results"
    folder.mkdir()
    write_run(folder)
    for seed, subject in enumerate(PEOPLE):
        write_maps(folder, f"sub-{subject}", seed, METHODS)
    return folder


@pytest.fixture(scope="module")
def pages(root):
    return pages_of(root, [f"sub-{subject}" for subject in PEOPLE])


def decoded(uri):
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))
    return np.asarray(image.convert("RGB"))


def test_each_page_stands_on_its_own_and_links_back(pages):
    for text in pages:
        addresses = re.findall(r'(?:href|src)="([^"]+)"', text)
        beside = [address for address in addresses if not address.startswith(("#", "data:"))]
        assert all(re.fullmatch(r"\.\./report\.html#patients|sub-MS0\d\.html", address) for address in beside)
        assert "default-src 'none'" in text
        assert "<script" not in text
    assert "Next: sub-MS02" in pages[0]
    assert "Previous: sub-MS01" in pages[1]
    assert "Next:" not in pages[1]


def test_says_what_it_is(pages, root):
    assert "Patient sub-MS01, simulated cohort (world: pessimistic)" in pages[0]
    assert "Nothing here is a clinical result" in pages[0]
    (measured,) = pages_of(root, ["sub-MS01"], simulated=False)
    assert "Research use only." in measured
    assert "simulated" not in measured.lower()


def test_numbers_are_those_of_the_tables(pages, root):
    table = pd.read_csv(root / "evaluation/demyelination.tsv", sep="\t", na_values=["n/a"])
    row = table[(table.scan == "sub-MS01") & (table.method == "refiner") & (table.k == 1)].iloc[0]
    first = pages[0][pages[0].index("<table") : pages[0].index("</table>")]
    shown = re.search(r'<th scope="row">Refiner \(Wei 2018\)</th>(.*?)</tr>', first)[1]
    values = re.findall(r"<span>([^<]*)</span>", shown)
    assert values[2:4] == [f"{row.pct_true:.1f}", f"{row.pct_pred:.1f}"]
    assert values[4:] == [f"{row[name]:.2f}" for name in ("dice", "trivial_dice", "mcc")]
    regions, _ = patient(0)
    assert f"<dd>{(regions == 3).sum() * 27 / 1000:.1f} mL</dd>" in pages[0]
    assert "<dt>Lesions on the PET grid</dt><dd>3</dd>" in pages[0]


def test_every_lesion_has_its_row(pages):
    lesions = pages[0][pages[0].index("Lesions one by one, Refiner") :]
    volumes = re.findall(r'<td data-label="Volume[^>]*><span>(\d+)</span>', lesions)
    assert volumes == [str(27 * n) for n in (36, 27, 18)]


def test_every_lesion_of_the_report_links_to_its_picture(pages, root):
    view = disagreement_table(RunFolder(root), method="refiner")
    texts = dict(zip(PEOPLE, pages, strict=True))
    links = [view.links[row[0]] for row in view.rows if row[0] in view.links]
    assert len(links) == 3 * len(PEOPLE)  # the other two patients have no page
    for link in links:
        page, anchor = re.fullmatch(r"patients/sub-(MS0\d)\.html#(lesion-\d)", link).groups()
        assert f'<h3 id="{anchor}">' in texts[page]
        assert f'<a href="#{anchor}">' in texts[page]
    differences = [abs(float(row[-1].replace("\u2212", "-"))) for row in view.rows]
    assert differences == sorted(differences, reverse=True)
    assert disagreement_table(RunFolder(root), method="refiner", most=4).rows == view.rows[:4]


def test_a_lesion_is_pictured_where_it_is_widest_with_every_map(root):
    maps = load_maps(RunFolder(root), "sub-MS01", METHODS)
    row = {"lesion": 3, "volume_mm3": 486.0, "mean_dvr_true": 1.1, "mean_dvr_pred": 1.05, "place": "deep"}
    (shown,) = lesion_pictures(maps, [row, row | {"lesion": 9}], method="refiner")  # there is no lesion 9
    assert shown["facts"] == "486 mm\u00b3, deep, mean DVR 1.10, predicted 1.05 (\u22120.05)"
    titles = [panel.title for panel in shown["panels"]]
    assert titles == ["Regions", "MTR", "FA", "RD", "AD", "True DVR", "Refiner (Wei 2018)"]
    z = int(np.argmax((maps.lesions == 3).sum(axis=(0, 1))))
    assert {panel.alt.split(", ")[1] for panel in shown["panels"]} == {f"axial slice {z}"}
    edges = len(re.findall("[hv]", shown["lines"]))
    here = np.pad(maps.lesions[:, :, z] == 3, 1)
    assert edges == sum(int((np.diff(here.astype(int), axis=axis) != 0).sum()) for axis in (0, 1))


def test_means_of_every_lesion_by_every_method(pages, root):
    table = pd.read_csv(root / "evaluation/lesions.tsv", sep="\t")
    table = table[(table.scan == "sub-MS01") & (table.lesion == 1)].set_index("method")
    means = pages[0][pages[0].index("Mean DVR of each lesion by every method") :]
    first = re.findall(
        r"<span>([\d.]+)</span>", means[means.index('<th scope="row">1</th>') : means.index("</tr>\n</")]
    )
    wanted = [table.mean_dvr_true.iloc[0], *table.mean_dvr_pred[["refiner", "the_mean"]]]
    assert first[:3] == [f"{value:.2f}" for value in wanted]


def test_slices_go_through_the_largest_lesions(root):
    maps = load_maps(RunFolder(root), "sub-MS01", METHODS)
    assert choose_slices(maps) == [4, 8]  # lesion 1 spans slices 4 to 6, lesion 2 begins in 5: too near
    regions, _ = patient(0)
    assert np.array_equal(maps.lesions > 0, regions == 3)
    assert [(maps.lesions == number).sum() for number in (1, 2, 3)] == [36, 27, 18]


def test_flipped_axes_show_the_same_page(root, tmp_path):
    turned = np.diag([-3.0, -3.0, 3.0, 1.0])
    write_maps(tmp_path, "sub-MS01", 0, METHODS, affine=turned)
    straight, flipped = (load_maps(RunFolder(place), "sub-MS01", METHODS) for place in (root, tmp_path))
    assert np.array_equal(straight.lesions, flipped.lesions)
    assert np.allclose(straight.dvr, flipped.dvr)


def test_agreement_is_of_the_stored_masks(root):
    maps = load_maps(RunFolder(root), "sub-MS01", METHODS)
    regions, dvr = patient(0)
    predicted = predictions(dvr, regions, 0)["refiner"]
    true, found = dvr < 1.17, predicted < 1.17
    lesion = regions == 3
    counts = [np.sum(maps.classes["refiner"] == code) for code in range(4)]
    assert counts == [
        np.sum(lesion & true & found), np.sum(lesion & ~true & ~found), np.sum(lesion & true & ~found),
        np.sum(lesion & ~true & found),
    ]  # fmt: skip


@pytest.mark.parametrize("colours", ["paper", "colourblind"])
def test_agreement_colours_are_those_of_the_figure(colours):
    classes = np.full((4, 2, 1), -1)
    classes[:, 0, 0] = range(4)
    window = Window(0, (0, 4), (0, 2), (3.0, 3.0, 3.0))
    palette = style.AGREEMENT_COLOURS[colours]
    panel = agreement_panel(
        "x", "", np.zeros((4, 2, 1)), classes, window, palette=palette, brain=np.ones((4, 2, 1), bool)
    )
    image = decoded(panel.image)
    assert image.shape == (2, 4, 3)
    wanted = [tuple(bytes.fromhex(palette[name][1:])) for name in style.AGREEMENT_CLASSES]
    assert [tuple(pixel) for pixel in image[1]] == wanted[
        ::-1
    ]  # x increases to the left, y = 0 is at the bottom
    assert (image[0] == 0).all()
    assert len(panel.marks) == 3  # "neither" carries no sign


def test_an_outline_runs_along_voxel_edges():
    mask = np.zeros((3, 4), bool)
    mask[0, 1] = True  # the most posterior row: the lowest of the image
    path = outline_path(mask, (2.0, 3.0, 1.0))
    edges = set(re.findall(r"M[\d.]+ [\d.]+[hv][\d.]+", path))
    assert edges == {"M4 6h2", "M4 9h2", "M4 6v3", "M6 6v3"}
    assert outline_path(np.zeros((3, 4), bool), (2.0, 3.0, 1.0)) == ""


def test_marks_stand_in_the_middle_of_voxels():
    mask = np.zeros((2, 2), bool)
    mask[1, 0] = True
    assert mark_path(mask, (3.0, 3.0, 3.0), "+").startswith("M4.5 1.5m")


def test_a_png_of_indexed_colours():
    image = decoded(png_uri(np.array([[0, 1], [2, 0]]), [[0, 0, 0], [1, 0, 0], [0, 1, 1]]))
    assert image.tolist() == [[[0, 0, 0], [255, 0, 0]], [[0, 255, 255], [0, 0, 0]]]


def test_a_patient_without_a_lesion_voxel(root, tmp_path):
    write_maps(tmp_path, "sub-MS01", 0, METHODS)
    regions, _ = patient(0)
    path = tmp_path / "derivatives/sub-MS01/anat/sub-MS01_space-petref_seg-regions_dseg.nii.gz"
    save_volume(path, np.where(regions == 3, 2, regions).astype(np.uint8), AFFINE)
    (text,) = pages_of(tmp_path, ["sub-MS01"])
    assert "no lesion voxel on the PET grid" in text
    assert "Not shown: the table voxelwise.tsv was not made in this run." in text
    assert "Enlarged" not in text


def test_voxels_without_a_measurement_are_black_and_crash_nothing(root, tmp_path):
    write_maps(tmp_path, "sub-MS01", 0, METHODS)
    regions, dvr = patient(0)
    dvr[:, :, 5:] = 0
    save_volume(tmp_path / "derivatives/sub-MS01/pet/sub-MS01_trc-PIB_meas-DVR_mimap.nii.gz", dvr, AFFINE)
    maps = load_maps(RunFolder(tmp_path), "sub-MS01", METHODS)
    seen = dvr > 0
    assert (np.isfinite(maps.dvr) == seen).all()
    assert all((classes >= 0).sum() == (seen & (regions == 3)).sum() for classes in maps.classes.values())
    (text,) = pages_of(tmp_path, ["sub-MS01"])
    assert "Slice" in text
    assert f"{100 * seen[regions > 0].mean():.1f} %" in text


def test_maps_on_another_grid_are_refused(tmp_path):
    write_maps(tmp_path, "sub-MS01", 0, METHODS)
    path = tmp_path / "derivatives/sub-MS01/anat/sub-MS01_space-petref_MTRmap.nii.gz"
    save_volume(path, np.zeros(SHAPE), AFFINE * 1.1)
    with pytest.raises(GeometryError):
        load_maps(RunFolder(tmp_path), "sub-MS01", METHODS)


def test_lesions_from_flair_and_external_sites_are_said(root, tmp_path):
    write_maps(tmp_path, "sub-MS01", 0, METHODS)
    (tmp_path / "evaluation/external").mkdir(parents=True)
    for name in ("voxelwise", "demyelination", "lesions"):
        content = (root / f"evaluation/{name}.tsv").read_bytes()
        (tmp_path / f"evaluation/external/{name}.tsv").write_bytes(content)
    quality = pd.DataFrame(
        [["sub-MS01", "dwi", "accepted", "shift of 3 mm", "flair"]],
        columns=["scan", "modality", "verdict", "reason", "lesion_source"],
    )
    write_table(quality, tmp_path / "registration/qc.tsv")
    (text,) = pages_of(tmp_path, ["sub-MS01"], external=["sub-MS01"])
    assert "Lesions from FLAIR." in text
    assert "belongs to an external site" in text
    assert "shift of 3 mm" in text
    assert "Scores of this patient, held out of training" in text


def test_at_most_four_slices(root, monkeypatch):
    monkeypatch.setattr(patient_page, "MIN_GAP_MM", 0.0)
    monkeypatch.setattr(patient_page, "MAX_SLICES", 2)
    assert len(choose_slices(load_maps(RunFolder(root), "sub-MS01", METHODS))) == 2
