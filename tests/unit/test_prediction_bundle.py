"""The model bundle: its content, that it names no participant, and which runs cannot be bundled."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from bundle_run import FACTS, FOLDS, MODELS, SCANS, SUBJECTS, Run, unpacked

import myelosketch
from myelosketch.errors import GeometryError, InputError
from myelosketch.io.provenance import file_hash, json_text, read_json
from myelosketch.io.tables import read_table, write_table
from myelosketch.io.volumes import load_volume, save_volume
from myelosketch.learning.harmonisation import site_statistics_of_files
from myelosketch.learning.models import load_model
from myelosketch.prediction.bundle import read_bundle
from myelosketch.prediction.bundle_plan import bundled_models
from myelosketch.prediction.bundle_tables import without_names
from myelosketch.prediction.value_range import describe_maps, training_range

VERSION = myelosketch.__version__
OF_A_MODEL = [
    f"{method}/model.{kind}" for method in ("refiner", "sketcher") for kind in ("json", "safetensors")
]
NAMES = [
    *("README.md", "bundle.json", "errors.tsv"),
    *(f"fold-{fold}/{name}" for fold in FOLDS for name in OF_A_MODEL),
    *("residuals.tsv", "scores.tsv"),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run and its bundle, for tests that change neither."""
    run = Run(tmp_path_factory.mktemp("finished"))
    return run, run.bundle()


@pytest.fixture
def path(finished):
    return finished[1]


@pytest.fixture
def files(path):
    """Every file of the bundle, to be forged."""
    return unpacked(path)


# what is in it


def test_it_holds_what_the_layout_says(path, finished):
    assert list(unpacked(path)) == NAMES
    bundle = read_bundle(path)
    assert bundle.sha256 == file_hash(path)
    stated = ["format", "method", "models", "folds", "input_maps", "simulated", "n_patients", "n_controls"]
    assert {key: bundle.manifest[key] for key in stated} == {
        "format": 1,
        "method": "refiner",
        "models": list(MODELS),
        "folds": list(FOLDS),
        "input_maps": ["MTR", "FA", "RD", "AD"],
        "simulated": True,
        "n_patients": 3,
        "n_controls": 2,
    }
    assert bundle.manifest["units"]["MTR"] == "percent"
    assert bundle.manifest["settings"] == FACTS["settings"]
    assert set(bundle.manifest["files"]) == {*NAMES} - {"bundle.json"}
    for fold in FOLDS:
        for method in MODELS:
            weights, card = bundle.models[fold][method]
            trained, full = load_model(finished[0].models[fold, method])
            assert weights.keys() == trained.keys()
            assert all((weights[name] == trained[name]).all() for name in trained)
            assert all(array.flags.writeable for array in weights.values())  # as PyTorch wants them
            assert card["split"] == {"train": 4, "validation": 1}
            assert card["normalisation"] == full["normalisation"]


def test_grid_and_healthy_white_matter_are_those_of_all_scans(path):
    manifest = read_bundle(path).manifest
    assert manifest["voxel_mm"] == [2.0, 2.0, 2.5]  # the median: one scan has 3 mm
    # 26 voxels with a DVR in each of three scans of controls, at 1.5, 1.6 and 1.7
    assert manifest["healthy"] == {
        "mean": pytest.approx(1.6, abs=1e-6),
        "sd": pytest.approx(np.sqrt(26 * 2 * 0.01 / 77), abs=1e-6),
        "n_voxels": 78,
        "n_controls": 2,
    }


def test_the_range_is_that_of_all_scans_in_their_white_matter(finished, path):
    run, _ = finished
    descriptions = []
    for place in range(len(SCANS)):
        volumes = {key: load_volume(paths[place]) for key, paths in run.images.items()}
        maps = {name: volumes[name.lower()].data for name in ("MTR", "FA", "RD", "AD")}
        descriptions.append(
            describe_maps(
                maps,
                volumes["regions"].data == 2,
                volumes["regions"].voxel_size.tolist(),
                native={"MTR": [1.0, 1.0, 2.0]},
            )
        )
    found = read_bundle(path).manifest["training_range"]
    assert found == json.loads(json_text(training_range(descriptions, list(SCANS.values()))))
    assert found


def test_what_other_sites_are_brought_to_is_the_white_matter_of_the_controls(finished, path):
    run, _ = finished
    controls = [place for place, group in enumerate(SCANS.values()) if group == "HC"]
    files = {
        place: {key: paths[place] for key, paths in run.images.items() if key != "dvr"} for place in controls
    }
    found = read_bundle(path).manifest["white_matter"]
    assert found == json.loads(json_text(site_statistics_of_files(files)))
    assert found["MTR"]["n_controls"] == len(controls) == 3


def test_expected_errors_are_means_over_participants(path):
    errors = read_bundle(path).table("errors").set_index(["region", "dvr_pred"])
    assert set(errors.index.get_level_values("region")) == {"lesion", "nawm", "other"}
    assert errors.loc[("nawm", 1.175)].tolist() == pytest.approx([0.05, 5])
    # of the participant with two scans: (.03 * 10 + .04 * 30) / 40 voxels
    expected = np.mean([0, 0.01, 0.02, 0.0375, 0.05])
    assert errors.loc[("nawm", 1.225)].tolist() == pytest.approx([expected, 5])
    assert errors.loc[("lesion", 1.225)].tolist() == pytest.approx([0.01, 3])


def test_residuals_are_those_of_the_method(path):
    residuals = read_bundle(path).table("residuals")
    assert residuals.quantity.value_counts().to_dict() == {
        "lesion_mean_dvr": 6,
        "lesions_mean_dvr": 3,
        "white_matter_mean_dvr": 6,
        "other_mean_dvr": 6,
        "pct_demyelinated": 3,
    }
    share = residuals[residuals.quantity == "pct_demyelinated"]
    assert sorted(share.true) == [60, 61, 62]
    assert set(share.predicted) == {60}  # at the k of the settings
    assert set(residuals.participant) == {1, 2, 3, 4, 5}
    white = residuals[residuals.quantity == "white_matter_mean_dvr"]
    assert sorted(white.predicted) == pytest.approx([1.2, 1.22, 1.24, 1.26, 1.28, 1.3])  # not the baseline's
    # the two scans of one control share a number
    twice = white[np.isclose(white.predicted, 1.26) | np.isclose(white.predicted, 1.28)]
    assert twice.participant.nunique() == 1


def test_scores_are_those_of_the_method_and_of_the_baseline(path):
    scores = read_bundle(path).table("scores")
    assert scores.method.tolist() == ["refiner"] * 4 + ["template"] * 4
    row = scores[(scores.method == "template") & (scores.metric == "dice") & (scores.k == 1)].iloc[0]
    assert row[["mean", "ci_low", "ci_high", "n"]].tolist() == pytest.approx([1.4, 1.38, 1.43, 3])


def test_a_table_is_a_copy(path):
    bundle = read_bundle(path)
    bundle.table("errors")["mean_abs_error"] = 0
    assert (bundle.table("errors")["mean_abs_error"] > 0).any()


def test_the_readme_says_what_people_ask(files):
    page = files["README.md"].decode()
    words = " ".join(page.split())
    assert "**Trained on simulated participants.**" in words
    assert "3 patients with multiple sclerosis and 2 healthy controls, all simulated" in words
    assert "voxels measure 2 × 2 × 2.5 mm" in words
    assert "| MTR | magnetisation transfer ratio | percent (0–100) |" in words
    assert "Dice of demyelinated voxels | 0.70 [0.68, 0.73] (n = 3) | 1.40 [1.38, 1.43] (n = 3) |" in words
    assert "prediction: {model: model.zip}" in words
    assert "snakemake predict --cores 2 --configfile new-patients.yaml" in words
    assert "not for diagnosis" in words
    assert f"myelosketch {VERSION}" in words
    threshold = 1.6 - np.sqrt(26 * 2 * 0.01 / 77)
    assert f"below a DVR of {threshold:.3f}" in words
    assert max(map(len, page.splitlines())) <= 120


def test_the_readme_of_real_participants(finished, tmp_path):
    run, _ = finished
    tables = dict(run.tables)
    tables["summary"] = tmp_path / "summary.tsv"
    summary = read_table(run.tables["summary"])
    write_table(summary[summary.method == "refiner"], tables["summary"])
    facts = {**FACTS, "simulated": False, "pet_fwhm_mm": 4.0, "n_controls": 1}
    page = unpacked(run.bundle(tmp_path / "model.zip", tables=tables, facts=facts))["README.md"].decode()
    words = " ".join(page.split())
    assert "simulated" not in words
    assert "and 1 healthy control. They were dealt into 2 parts" in words
    assert "smoothed to a resolution of 4 mm" in words
    assert "template" not in words  # not fitted in this run
    assert "| Dice of demyelinated voxels | 0.70 [0.68, 0.73] (n = 3) |" in words
    assert "terms of these weights are those of the people who trained them" in words


def test_the_same_run_gives_the_same_bytes(finished, tmp_path):
    run, path = finished
    assert run.bundle(tmp_path / "again.zip").read_bytes() == path.read_bytes()


def test_it_is_hardly_larger_than_its_weights(finished, path):
    run, _ = finished
    weights = sum((folder / "model.safetensors").stat().st_size for folder in run.models.values())
    assert path.stat().st_size < weights + 30_000


# nobody is named


def test_no_name_and_no_path_is_in_it(finished, path):
    run, _ = finished
    card = read_json(run.models[1, "refiner"] / "model.json")
    assert "sub-Meier7" in card["split"]["train"]  # the run's own card has them
    assert str(run.folder) in card["checkpoint"]
    files = unpacked(path)
    everything = b"\n".join([path.read_bytes(), *files.values(), *map(str.encode, files)]).lower()
    folders = [part for part in run.folder.parts if part != "/"]
    assert "charite_study" in folders
    for secret in (*SCANS, *SUBJECTS.values(), *(f"/{folder}" for folder in folders), "charite"):
        assert secret.lower().encode() not in everything, secret
    split_hash = read_json(run.models[1, "refiner"] / "model.json")["split"]["sha256"]
    assert split_hash.encode() not in everything  # names could be guessed from it


def numbered(names):
    """Participants of known values under some names, in their order, and their numbers by value."""
    values = dict(zip("abcdef", np.random.default_rng(0).normal(size=(6, 2, 2)), strict=True))
    rows = [("q", names[key], "MS", None, *pair) for key in names for pair in values[key]]
    columns = ["quantity", "participant", "group", "size", "predicted", "true"]
    table = without_names(pd.DataFrame(rows, columns=columns))
    return {key: table.participant[np.isclose(table.true, values[key][0, 1])].item() for key in names}


def test_numbers_of_participants_say_nothing_of_the_cohort():
    """Under other names and in another order each participant has the same number; it is not the place."""
    first = numbered({key: f"sub-{key}" for key in "abcdef"})
    assert sorted(first.values()) == [1, 2, 3, 4, 5, 6]
    assert list(first.values()) not in ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])
    assert numbered({key: f"sub-{name}" for key, name in zip("fbdace", "uvwxyz", strict=True)}) == first


# runs that cannot be bundled


def test_what_can_be_bundled():
    assert bundled_models("refiner", n_controls=3, reference="pooled") == ["sketcher", "refiner"]
    assert bundled_models("unet", n_controls=1, reference="pooled") == ["unet"]


@pytest.mark.parametrize("method", ["template", "ridgemeans"])
def test_a_method_without_a_network(method):
    with pytest.raises(InputError) as error:
        bundled_models(method, n_controls=3, reference="pooled")
    assert str(error.value) == (
        f"The method shown is {method}, which is no network, so there is no model to bundle: name one of dnn2, unet, "
        "unetroi, sketcher, refiner, transfer as reporting.method and among training.methods."
    )


def test_a_cohort_without_controls_or_a_reference_by_place():
    with pytest.raises(
        InputError, match="^The cohort has no control .* which voxels are demyelinated: add controls"
    ):
        bundled_models("refiner", n_controls=0, reference="pooled")
    with pytest.raises(
        InputError, match="^evaluation.reference is voxelwise, .*: set it to pooled; nothing is"
    ):
        bundled_models("refiner", n_controls=3, reference="voxelwise")


@pytest.fixture
def run(tmp_path):
    """A separate run that the test may spoil."""
    return Run(tmp_path)


def not_written(run, sentence, kind=InputError, **changes):
    with pytest.raises(kind, match=re.escape(sentence)):
        run.bundle(**changes)
    assert not (run.folder / "model.zip").exists()


def test_weights_of_a_fold_that_are_absent(run):
    models = {key: folder for key, folder in run.models.items() if key != (2, "sketcher")}
    not_written(run, "The model of sketcher of fold 2 is absent: train it, then bundle again.", models=models)
    (run.models[2, "refiner"] / "model.safetensors").unlink()
    not_written(run, f"{run.models[2, 'refiner']}/model.safetensors does not exist: train the model")


def test_weights_that_are_not_those_of_the_card(run):
    run.change_card(1, "refiner", weights_sha256="0" * 64)
    not_written(run, "fold-1/refiner/model.json describes weights with SHA-256 000000000000, but")


def test_a_refiner_of_another_sketcher(run):
    run.change_card(1, "refiner", sketcher_sha256="0" * 64)
    not_written(
        run, "fold-1/refiner/model.json was trained on the maps of another sketcher than that of fold 1"
    )


def test_tables_of_an_older_version(run):
    old = read_table(run.tables["calibration"]).drop(columns="mean_abs_error")
    write_table(old, run.tables["calibration"])
    not_written(
        run,
        "The table calibration.tsv has no column mean_abs_error, so an older version wrote it: run the evaluation "
        "again.",
    )


def test_a_method_without_scores(run):
    summary = read_table(run.tables["summary"])
    write_table(summary[summary.method != "refiner"], run.tables["summary"])
    not_written(run, "The table summary.tsv has no score of refiner, so a bundle could not say how well")


def test_scans_without_healthy_white_matter(run):
    not_written(
        run,
        "The 0 scans of controls have 0 white-matter voxels with a DVR, so healthy white matter is unknown",
        groups=["MS"] * len(SCANS),
    )


def test_a_scan_without_white_matter(run):
    volume = load_volume(run.images["regions"][1], dtype=np.uint8)
    save_volume(run.images["regions"][1], np.minimum(volume.data, 1), volume.affine)
    not_written(
        run, "sub-Okafor3_regions.nii.gz has no voxel of white matter, so the range of the maps cannot be"
    )


def test_maps_on_another_grid(run):
    volume = load_volume(run.images["fa"][0])
    save_volume(run.images["fa"][0], volume.data, np.eye(4))
    not_written(run, "sub-Meier7_fa.nii.gz", kind=GeometryError)
