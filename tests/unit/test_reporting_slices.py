"""Figures from maps: orientation, slice, agreement classes and colours, on volumes with known answers."""

import base64
import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawings import cut_texts
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from myelosketch.errors import GeometryError, InputError
from myelosketch.io import names
from myelosketch.io.run_files import RunFolder
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import save_volume
from myelosketch.reporting.figures import agreement as agreement_figure
from myelosketch.reporting.figures import qualitative as qualitative_figure
from myelosketch.reporting.figures import slices, style
from myelosketch.reporting.pages.slice_panels import map_panel
from myelosketch.reporting.source_tables import NothingToDrawError

SHAPE = (14, 16, 8)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
SCANS = ["sub-01", "sub-02", "sub-03", "sub-04"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Four patients with small maps, demyelination tables and lesion volumes."""
    root = tmp_path_factory.mktemp("run") / "results"
    rng = np.random.default_rng(5)
    volumes, scores = [], []
    for place, scan in enumerate(SCANS):
        regions = np.zeros(SHAPE, np.uint8)
        regions[2:12, 2:14, 1:7] = 1
        regions[4:10, 4:12, 2:6] = 2
        regions[5 : 7 + place % 3, 5:8, 3] = 3
        save_volume(names.path(root, "regions", scan=scan), regions, AFFINE)
        dvr = np.where(regions > 0, 1.1 + 0.1 * rng.random(SHAPE), 0)
        for key in ("mtr", "fa", "rd", "ad", "dvr"):
            save_volume(names.path(root, key, scan=scan), dvr, AFFINE)
        for method in ("ridgemeans", "refiner"):
            save_volume(names.path(root, "predicted", scan=scan, method=method), dvr + 0.02, AFFINE)
        for method in ("pet", "refiner"):
            mask = (rng.random(SHAPE) < 0.5) & (regions == 3)
            save_volume(names.path(root, "demyelinated", scan=scan, method=method), mask, AFFINE)
        volumes.append([scan, "MS", "lesion", [2.0, 9.0, 4.0, 3.0][place]])
        scores.append(["refiner", scan, 1.0, [0.5, np.nan, 0.9, 0.7][place]])
    columns = ["scan", "group", "region", "volume_ml"]
    write_table(pd.DataFrame(volumes, columns=columns), root / "evaluation/region_volumes.tsv")
    columns = ["method", "scan", "k", "dice"]
    write_table(pd.DataFrame(scores, columns=columns), root / "evaluation/demyelination.tsv")
    return root


def test_known_agreement_classes_and_colours():
    true = np.array([1, 0, 1, 0, 1]).reshape(5, 1, 1)
    predicted = np.array([1, 0, 0, 1, 1]).reshape(5, 1, 1)
    lesion = np.array([1, 1, 1, 1, 0], bool).reshape(5, 1, 1)
    classes = agreement_figure.classify_agreement(true, predicted, lesion)
    assert classes.ravel().tolist() == [0, 1, 2, 3, -1]
    assert style.AGREEMENT_CLASSES == ("both", "neither", "true_only", "predicted_only")
    palette = style.AGREEMENT_COLOURS["paper"]
    image = agreement_figure.paint_agreement(np.ones((1, 5)), classes[:, :, 0].T, palette)
    shown = [to_hex(pixel) for pixel in image[0]]
    assert shown[:4] == ["#ffe119", "#ffffff", "#d7191c", "#ff8c1a"]  # yellow, white, red, orange
    assert image[0, 4].tolist() == [agreement_figure.BACKGROUND_TOP] * 3
    counts = agreement_figure.count_classes(classes, 0)
    assert counts.n_voxels.tolist() == [1, 1, 1, 1]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_classes_add_up_to_the_lesion_voxels(seed):
    rng = np.random.default_rng(seed)
    true, predicted, lesion = rng.random((3, 4, 5, 3)) < rng.random()
    classes = agreement_figure.classify_agreement(true, predicted, lesion)
    counts = agreement_figure.count_classes(classes, 1)
    assert counts.n_voxels.sum() == lesion.sum()
    assert counts.n_voxels_slice.sum() == lesion[:, :, 1].sum()
    assert counts.n_voxels[0] + counts.n_voxels[2] == (true & lesion).sum()


@pytest.mark.parametrize("name", list(style.AGREEMENT_COLOURS))
def test_every_class_colour_stands_out_from_the_background_and_the_others(name):
    colours = [np.array(to_rgb(value)) for value in style.AGREEMENT_COLOURS[name].values()]
    for place, colour in enumerate(colours):
        assert np.ptp(colour) > 0.3 or colour.min() > agreement_figure.BACKGROUND_TOP + 0.2
        for other in colours[place + 1 :]:
            assert np.abs(colour - other).max() > 0.3


def test_colour_blind_set_differs_in_grey():
    weights = np.array([0.299, 0.587, 0.114])
    colours = style.AGREEMENT_COLOURS["colourblind"].values()
    greys = sorted(weights @ np.array(to_rgb(value)) for value in colours)
    assert min(np.diff(greys)) > 0.1


def test_patients_are_highest_median_and_lowest_dice(run):
    table = run / "evaluation/demyelination.tsv"
    chosen = agreement_figure.choose_by_dice(table, scans=SCANS, method="refiner", k=1.0)
    assert [(word, scan) for word, scan, _ in chosen] == [
        ("highest", "sub-03"), ("median", "sub-04"), ("lowest", "sub-01"),
    ]  # fmt: skip
    one = agreement_figure.choose_by_dice(table, scans=["sub-03"], method="refiner", k=1.0)
    assert [scan for _, scan, _ in one] == ["sub-03"]
    with pytest.raises(NothingToDrawError, match="no patient has a Dice"):
        agreement_figure.choose_by_dice(table, scans=["sub-99"], method="refiner", k=1.0)


def test_agreement_figure_counts_what_the_masks_hold(run):
    options = {"method": "refiner", "k": 1.0, "simulated": True}
    table = run / "evaluation/demyelination.tsv"
    with style.figure_style():
        figure, data = agreement_figure.build_agreement(table, maps=RunFolder(run), scans=SCANS, **options)
        assert cut_texts(figure) == []
    legends = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    first = data[data.scan == "sub-03"].set_index("class")
    # every class but "neither" carries a sign where it is enlarged, so that grey paper tells them apart
    zoomed = figure.axes[1]
    signs = {line.get_marker(): len(line.get_xdata()) for line in zoomed.get_lines()}
    in_slice = first.n_voxels_slice
    assert signs == {".": in_slice["both"], "x": in_slice["true_only"], "+": in_slice["predicted_only"]}
    assert legends[0] == f"both (\u00b7): {first.n_voxels['both']} voxels"
    lesion = slices.load_canonical(names.path(run, "regions", scan="sub-03"), dtype=np.uint8)[0].data == 3
    assert first.n_voxels.sum() == lesion.sum()
    plt.close(figure)


def test_qualitative_figure_of_the_median_patient(run):
    volumes = run / "evaluation/region_volumes.tsv"
    options = {"scans": SCANS, "methods": ["ridgemeans", "refiner"], "simulated": True}
    with style.figure_style():
        figure, data = qualitative_figure.build_qualitative(volumes, maps=RunFolder(run), **options)
        assert cut_texts(figure) == []
    assert set(data.scan) == {"sub-04"}  # loads 2, 3, 4, 9 mL: the lower of the two in the middle
    assert list(data.columns[5:]) == ["MTR", "FA", "RD", "AD", "dvr_true", "ridgemeans", "refiner"]
    np.testing.assert_allclose(data.refiner - data.dvr_true, 0.02, atol=1e-5)
    assert (data.region == "lesion").sum() == 6
    titles = [axes.get_title() for axes in figure.axes]
    assert "Refined\nlesion MAE 0.020" in titles
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert "DVR (unitless), one scale for true and predicted maps" in labels
    assert "MTR (%)" in labels
    # the same colour scale for every DVR map
    limits = {
        axes.images[0].get_clim() for axes in figure.axes if axes.images and "lesion" in axes.get_title()
    }
    assert len(limits) == 1
    plt.close(figure)


def test_patient_of_the_configuration(run):
    volumes = run / "evaluation/region_volumes.tsv"
    assert qualitative_figure.choose_patient(SCANS, volumes, "sub-02") == "sub-02"
    assert qualitative_figure.choose_patient(SCANS, volumes, "02") == "sub-02"
    with pytest.raises(InputError) as raised:
        qualitative_figure.choose_patient(SCANS, volumes, "sub-77")
    assert str(raised.value) == (
        "reporting.example_patient is 'sub-77', which is not a patient of this cohort; expected one of "
        "sub-01, sub-02, sub-03, sub-04, or blank for the median lesion load."
    )
    with pytest.raises(NothingToDrawError, match=r"the cohort has no patient\."):
        qualitative_figure.choose_patient([], volumes)


def test_voxels_are_found_whatever_the_stored_orientation(tmp_path):
    data = np.zeros((5, 6, 4), np.float32)
    data[0, 5, 3] = 7  # left, anterior, superior
    save_volume(tmp_path / "ras.nii.gz", data, AFFINE)
    turned = np.diag([-3.0, 3.0, 3.0, 1.0])
    turned[0, 3] = 12
    save_volume(tmp_path / "las.nii.gz", data[::-1], turned)
    save_volume(tmp_path / "sal.nii.gz", np.transpose(data, (2, 1, 0)), AFFINE[:, [2, 1, 0, 3]])
    for name in ("ras", "las", "sal"):
        canonical, _ = slices.load_canonical(tmp_path / f"{name}.nii.gz")
        np.testing.assert_array_equal(canonical.data, data)
        np.testing.assert_allclose(canonical.affine, AFFINE)
    window = slices.Window(3, (0, 5), (0, 6), (3.0, 3.0, 3.0))
    image = window.cut(data)
    assert image[5, 0] == 7  # last row is drawn on top (origin lower)


def test_figures_and_pages_show_the_left_of_the_participant_on_the_right():
    data = np.zeros((5, 6, 4), np.float32)
    data[0, 5, 3] = 1  # left, anterior
    window = slices.Window(3, (0, 5), (0, 6), (3.0, 3.0, 3.0))
    figure, axes = plt.subplots(figsize=(1, 1.2), dpi=60)
    axes.set_position((0, 0, 1, 1))
    slices.show(axes, window.cut(data), window, cmap="gray", limits=(0, 1))
    figure.canvas.draw()
    drawn = np.asarray(figure.canvas.buffer_rgba())[..., 0]
    rows, columns = np.nonzero(drawn == drawn.max())
    assert columns.mean() > 0.7 * drawn.shape[1]
    assert rows.mean() < 0.3 * drawn.shape[0]
    slices.orientation_marks(axes)
    assert {text.get_text(): text.get_position()[0] for text in axes.texts} == {
        "R": 0.03,
        "L": 0.97,
        "A": 0.5,
    }
    plt.close(figure)
    brain = np.ones(data.shape, bool)
    panel = map_panel("t", "n", data, window, limits=(0, 1), lesion=data > 0, brain=brain)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(panel.image.partition(",")[2]))).convert("L"))
    assert picture[0, 4] == picture.max() > picture[0, 0]
    assert panel.lines.startswith("M12 0h3")


def test_slice_goes_through_the_largest_lesion():
    regions = np.ones((12, 12, 9), np.uint8)
    for z in range(4):
        regions[z, z, z] = 3  # one lesion of four voxels, joined at corners
    regions[8:10, 8, 7] = 3  # another of two, but with most voxels in one slice
    assert slices.largest_lesion_slice(regions) == 0
    regions[2, 3, 2] = 3
    assert slices.largest_lesion_slice(regions) == 2
    with pytest.raises(NothingToDrawError, match="no lesion voxel"):
        slices.largest_lesion_slice(np.ones((3, 3, 3), np.uint8))


def test_outline_leaves_the_view_of_the_image():
    window = slices.Window(0, (2, 8), (1, 9), (2.0, 3.0, 1.0))
    mask = np.zeros((8, 6), bool)
    mask[0:3, 0:2] = True  # touches the edge of the window
    figure, axes = plt.subplots()
    slices.show(axes, np.zeros(mask.shape), window, cmap="gray", limits=(0, 1))
    slices.outline(axes, mask, window)
    left, right, bottom, top = window.extent
    assert (*axes.get_xlim(), *axes.get_ylim()) == (right, left, bottom, top)
    plt.close(figure)


def test_windows_stay_inside_the_grid_and_are_square():
    regions = np.zeros((40, 50, 3), np.uint8)
    regions[5:35, 5:45, :] = 1
    regions[5:7, 43:45, 1] = 3
    window = slices.lesion_window(regions, 1, (2.0, 2.0, 2.0))
    left, right, bottom, top = window.extent
    assert right - left == top - bottom >= 44
    assert (window.x[0], window.y[1]) >= (0, 0)
    assert window.x[1] <= 40
    assert window.y[1] <= 50
    assert (window.cut(regions) == 3).sum() == 4


def test_other_grid_is_an_error(run, tmp_path):
    regions, grid = slices.load_canonical(names.path(run, "regions", scan="sub-01"))
    save_volume(tmp_path / "moved.nii.gz", regions.data, AFFINE + np.eye(4) * [0.1, 0, 0, 0])
    with pytest.raises(GeometryError, match=r"moved\.nii\.gz"):
        slices.load_canonical(tmp_path / "moved.nii.gz", like=grid)
