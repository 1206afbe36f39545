"""Ridge, template and prediction: known answers, and the inputs that a prediction refuses."""

import json

import ants
import numpy as np
import pytest
from test_learning_cohort import (  # noqa: F401
    INTERCEPT,
    SLOPES,
    cohort,
    load_fold,
    make_arrays,
    tiny_settings,
    write_cohort,
)

from myelosketch.errors import InputError
from myelosketch.io.provenance import read_json
from myelosketch.io.volumes import load_volume, save_volume
from myelosketch.learning.baselines import fit_baseline
from myelosketch.learning.data import fit_normalisation
from myelosketch.learning.models import load_model, save_model
from myelosketch.learning.predict import predict_scan
from myelosketch.learning.ridge import (
    RidgeModel,
    choose,
    features,
    region_error,
    solve,
    sums_of_scan,
)
from myelosketch.learning.template import TemplateModel, fit_template, masked_mean, template_grid
from myelosketch.learning.training import configuration_hash, train_stage


def maps_of(files, index=0):
    return {key: files[key][index] for key in ("mtr", "fa", "rd", "ad")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A cohort with ridge, sketcher and refiner."""
    folder = tmp_path_factory.mktemp("fold")
    names, files = write_cohort(folder / "data")
    scans = load_fold(names, files)
    fit_baseline("ridgevoxel", scans, folder / "ridgevoxel", fold=2)
    for method in ("sketcher", "refiner"):
        train_stage(
            method,
            scans,
            folder / method,
            settings=tiny_settings(),
            seed=5,
            device="cpu",
            fold=2,
            sketcher=folder / "sketcher" if method == "refiner" else None,
        )
    return names, files, {method: folder / method for method in ("ridgevoxel", "sketcher", "refiner")}


def test_ridge_finds_a_known_linear_map(cohort, tmp_path):  # noqa: F811
    names, files = cohort
    card = fit_baseline(
        "ridgevoxel", load_fold(names, files), tmp_path, settings={"ridge": {"alphas": [1e-9, 1e-3]}}
    )
    assert card["choice"]["alpha"] == 1e-9
    maps, dvr, regions = make_arrays(9)
    predicted = RidgeModel.load(tmp_path).predict(maps, maps[3] > 0)
    assert np.abs(predicted - dvr)[regions > 0].max() < 1e-3
    model = RidgeModel.load(tmp_path)
    assert model.coefficients[1:] / model.normalisation.sd == pytest.approx(SLOPES, rel=1e-3)
    level = (
        model.coefficients[0] - (model.coefficients[1:] / model.normalisation.sd) @ model.normalisation.mean
    )
    assert level == pytest.approx(INTERCEPT, abs=5e-3)


def test_means_ignore_what_lies_outside_the_support():
    support = np.zeros((5, 5, 5), bool)
    support[1:4, 1:4, 1:4] = True
    scores = np.where(support, 2.0, 0.0)[None].repeat(4, axis=0)
    rows = features(scores, support, "means3")
    assert rows.shape == (27, 1 + 4 + 10)
    assert np.allclose(rows[:, 1:5], 2)
    assert np.allclose(rows[:, 5:], 4)


def test_sums_give_the_same_coefficients_as_the_voxels(cohort):  # noqa: F811
    scans = load_fold(*cohort)
    normalisation = fit_normalisation(scans)
    sums = [sums_of_scan(scan, normalisation, "voxelwise") for scan in scans]
    rows, target, weight = [], [], []
    for scan in scans:
        inside = scan.brain[scan.support]
        rows.append(
            features(normalisation.standardise(scan.maps, scan.support), scan.support, "voxelwise")[inside]
        )
        target.append(scan.dvr[scan.brain])
        weight.append(np.full(int(scan.brain.sum()), 1 / scan.brain.sum()))
    x, y, w = np.concatenate(rows), np.concatenate(target), np.concatenate(weight)
    expected = np.linalg.solve((x.T * w) @ x, (x.T * w) @ y)
    assert solve(sums, 0.0, "voxels") == pytest.approx(expected, rel=1e-5)
    strong = solve(sums, 1e6, "regions")
    assert np.abs(strong[1:]).max() < 1e-4
    assert region_error(sums, strong) > region_error(sums, solve(sums, 0.0, "regions"))


def test_the_inner_split_keeps_the_scans_of_a_participant_together(cohort, monkeypatch):  # noqa: F811
    from myelosketch.learning import ridge

    scans = load_fold(*cohort)
    sums = [sums_of_scan(scan, fit_normalisation(scans), "voxelwise") for scan in scans]
    sizes = []
    real = ridge.solve
    monkeypatch.setattr(
        ridge, "solve", lambda inside, *rest: sizes.append(len(inside)) or real(inside, *rest)
    )
    choose(sums, ["01", "01", "01", "02"], alphas=[1e-3], splits=2)
    assert sorted(set(sizes)) == [1, 3]


def write_transform(path, shift):
    """A ``.mat`` file that moves by ``shift`` mm (LPS), as registration writes them."""
    transform = ants.create_ants_transform(transform_type="AffineTransform", dimension=3, translation=shift)
    ants.write_transform(transform, str(path))
    return str(path)


def test_template_is_the_mean_of_the_controls_brought_back(tmp_path):
    """Two controls with constant DVR 1.1 and 1.3, moved apart; the template and its prediction are 1.2."""
    grid = template_grid()
    affine = grid.affine.copy()
    affine[:3, 3] += [60, 80, 70]
    files = {key: [] for key in ("dvr", "regions", "xfm_t1w_to_petref", "xfm_t1w_to_mni")}
    for index, (level, shift) in enumerate([(1.1, (3.0, 0, 0)), (1.3, (-6.0, 3.0, 0))]):
        brain = np.zeros((24, 24, 24), np.uint8)
        brain[4:20, 4:20, 4:20] = 2
        save_volume(tmp_path / f"{index}_dvr.nii.gz", np.where(brain > 0, level, 5.0), affine)
        save_volume(tmp_path / f"{index}_regions.nii.gz", brain, affine)
        files["dvr"].append(str(tmp_path / f"{index}_dvr.nii.gz"))
        files["regions"].append(str(tmp_path / f"{index}_regions.nii.gz"))
        files["xfm_t1w_to_petref"].append(write_transform(tmp_path / f"{index}_pet.mat", (0.0, 0, 0)))
        files["xfm_t1w_to_mni"].append(write_transform(tmp_path / f"{index}_mni.mat", shift))
    fit_template(["sub-01", "sub-02"], files, tmp_path / "model", smoothing_mm=0, fold=1)
    template = TemplateModel.load(tmp_path / "model").template
    found = set(np.round(np.unique(template.data).astype(float), 2).tolist())
    assert {1.1, 1.2, 1.3} <= found
    assert min(found) >= 1.1
    assert max(found) <= 1.3

    maps = {}
    for key in ("mtr", "fa", "rd", "ad"):
        values = np.zeros((24, 24, 24), np.float32)
        values[8:14, 8:14, 8:14] = 1.0
        save_volume(tmp_path / f"{key}.nii.gz", values, affine)
        maps[key] = str(tmp_path / f"{key}.nii.gz")
    scan = maps | {key: files[key][0] for key in ("xfm_t1w_to_petref", "xfm_t1w_to_mni")}
    predict_scan(scan, {"template": tmp_path / "model"}, {"template": tmp_path / "out.nii.gz"})
    predicted = load_volume(tmp_path / "out.nii.gz").data
    assert predicted[8:14, 8:14, 8:14] == pytest.approx(1.2, abs=1e-3)
    assert predicted[values == 0].max() == 0


def test_a_control_counts_in_the_template_where_its_pet_has_a_value(tmp_path):
    """The PET of the first control ends at half its height; above it the template equals the second control."""
    affine = template_grid().affine.copy()
    affine[:3, 3] += [60, 80, 70]
    pose = write_transform(tmp_path / "pose.mat", (0.0, 0, 0))
    scans = {key: [] for key in ("dvr", "regions")}
    for index, level in enumerate((1.1, 1.3)):
        dvr = np.full((24, 24, 24), level)
        dvr[..., 12:] *= index
        for key, data in (("dvr", dvr), ("regions", np.ones((24, 24, 24), np.uint8))):
            scans[key].append(tmp_path / f"{index}_{key}.nii.gz")
            save_volume(scans[key][-1], data, affine)
    files = scans | {key: [pose, pose] for key in ("xfm_t1w_to_petref", "xfm_t1w_to_mni")}
    fit_template(["sub-01", "sub-02"], files, tmp_path / "model", smoothing_mm=0)
    found = TemplateModel.load(tmp_path / "model").template.data
    assert (found.min(), found.max()) == pytest.approx((1.2, 1.3), abs=1e-3)


def test_a_shift_of_a_control_is_undone_and_redone(tmp_path):
    """DVR of a control that is a ramp comes back as the same ramp through MNI152 space."""
    affine = template_grid().affine.copy()
    affine[:3, 3] += [60, 80, 70]
    ramp = np.indices((24, 24, 24))[0] * 0.1 + 1
    save_volume(tmp_path / "dvr.nii.gz", ramp, affine)
    save_volume(tmp_path / "regions.nii.gz", np.ones((24, 24, 24), np.uint8), affine)
    scan = {key: str(tmp_path / "ones.nii.gz") for key in ("mtr", "fa", "rd", "ad")}
    save_volume(tmp_path / "ones.nii.gz", np.ones((24, 24, 24)), affine)
    scan["xfm_t1w_to_petref"] = write_transform(tmp_path / "pet.mat", (6.0, -3.0, 0))
    scan["xfm_t1w_to_mni"] = write_transform(tmp_path / "mni.mat", (-9.0, 3.0, 6.0))
    files = {"dvr": [tmp_path / "dvr.nii.gz"], "regions": [tmp_path / "regions.nii.gz"]}
    files |= {key: [scan[key]] for key in ("xfm_t1w_to_petref", "xfm_t1w_to_mni")}
    fit_template(["sub-01"], files, tmp_path / "model", smoothing_mm=0)
    predict_scan(scan, {"template": tmp_path / "model"}, {"template": tmp_path / "out.nii.gz"})
    inner = (slice(6, 18),) * 3
    assert load_volume(tmp_path / "out.nii.gz").data[inner] == pytest.approx(ramp[inner], abs=5e-3)


def test_the_mean_of_controls_has_no_dark_edge():
    total, count = np.zeros((9, 9, 9)), np.zeros((9, 9, 9))
    total[2:7, 2:7, 2:7], count[2:7, 2:7, 2:7] = 2.4, 2.0
    assert masked_mean(total, count, sigma=1.0) == pytest.approx(1.2, abs=1e-6)
    with pytest.raises(InputError, match="no control's DVR map reaches MNI152 space"):
        masked_mean(0 * total, 0 * count)


def test_a_fold_without_controls_has_no_template(tmp_path):
    with pytest.raises(InputError, match="fold 2 has no control among its training scans"):
        fit_template([], {}, tmp_path, fold=2)


def test_a_prediction_is_zero_outside_the_support_and_says_what_it_is(trained, tmp_path):
    names, files, models = trained
    outputs = {method: tmp_path / f"{method}.nii.gz" for method in models}
    predict_scan(maps_of(files), models, outputs, device="cpu")
    support = load_volume(files["ad"][0]).data > 0
    for method, path in outputs.items():
        volume = load_volume(path)
        assert (volume.data[~support] == 0).all()
        assert np.isfinite(volume.data).all()
        assert (volume.data[support] != 0).mean() > 0.99
        assert np.allclose(volume.affine, load_volume(files["fa"][0]).affine)
        sidecar = json.loads((tmp_path / f"{method}.json").read_text())
        assert sidecar["Fold"] == 2
        assert sidecar["Units"] == "1"
        assert sidecar["ModelSHA256"] == load_model(models[method])[1]["weights_sha256"]
        assert "sub-01_mtr.nii.gz" in sidecar["Sources"]


def test_a_prediction_repeats_and_needs_neither_pet_nor_regions(trained, tmp_path):
    names, files, models = trained
    for name in ("a", "b"):
        predict_scan(maps_of(files), models, {"refiner": tmp_path / f"{name}.nii.gz"}, device="cpu")
    assert (load_volume(tmp_path / "a.nii.gz").data == load_volume(tmp_path / "b.nii.gz").data).all()


def test_a_map_that_is_not_finite_is_refused(trained, tmp_path):
    names, files, models = trained
    broken = tmp_path / "broken_rd.nii.gz"
    volume = load_volume(files["rd"][0])
    data = volume.data.copy()
    data[10, 11, 9] = np.inf
    save_volume(broken, data, volume.affine)
    with pytest.raises(
        InputError, match="broken_rd.nii.gz has 1 voxels inside the brain that are not finite; expected RD"
    ):
        predict_scan({**maps_of(files), "rd": broken}, models, {"ridgevoxel": tmp_path / "out.nii.gz"})
    save_volume(broken, np.zeros_like(data), volume.affine)
    with pytest.raises(InputError, match="broken_rd.nii.gz has no voxel above 0"):
        predict_scan({**maps_of(files), "ad": broken}, models, {"ridgevoxel": tmp_path / "out.nii.gz"})


def test_a_card_of_other_weights_is_refused(tmp_path):
    save_model(tmp_path, {"coefficients": np.ones(5)}, {"method": "ridgemeans"})
    tensors, card = load_model(tmp_path)
    assert (tensors["coefficients"] == 1).all()
    other = tmp_path / "other"
    save_model(other, {"coefficients": np.zeros(5)}, {"method": "ridgemeans"})
    (tmp_path / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(InputError, match="card and weights belong to different models"):
        load_model(tmp_path)
    with pytest.raises(InputError, match="belongs to the method ridgemeans; expected sketcher"):
        load_model(other, method="sketcher")
    with pytest.raises(InputError, match="model.safetensors does not exist: train the model"):
        load_model(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("entry", "value"),
    [("units", {"MTR": "1"}), ("input_maps", ["FA", "MTR", "RD", "AD"]), ("input_maps", [])],
)
def test_a_card_of_other_maps_is_refused(tmp_path, entry, value):
    save_model(tmp_path, {"coefficients": np.ones(5)}, {"method": "ridgemeans"})
    card = read_json(tmp_path / "model.json")
    (tmp_path / "model.json").write_text(json.dumps({**card, entry: value}))
    with pytest.raises(InputError, match=f"has the {entry.replace('_', ' ')}"):
        load_model(tmp_path)


def test_a_refiner_with_the_sketcher_of_another_fold_is_refused(trained, tmp_path):
    names, files, models = trained
    settings = tiny_settings()
    settings["sketcher"]["epochs"] = 1
    train_stage(
        "sketcher", load_fold(names, files), tmp_path / "other", settings=settings, seed=6, device="cpu"
    )
    with pytest.raises(InputError, match="was trained on the maps of another sketcher"):
        predict_scan(
            maps_of(files), {**models, "sketcher": tmp_path / "other"}, {"refiner": tmp_path / "out.nii.gz"}
        )


def test_a_model_that_is_missing_is_named(trained, tmp_path):
    names, files, models = trained
    with pytest.raises(
        InputError, match="prediction by refiner needs the models of sketcher: give their folders"
    ):
        predict_scan(maps_of(files), {"refiner": models["refiner"]}, {"refiner": tmp_path / "out.nii.gz"})


def test_a_network_of_another_configuration_is_refused(trained, tmp_path):
    names, files, models = trained
    settings = tiny_settings()
    same = {"sketcher": configuration_hash("sketcher", settings, 5)}
    output = {"sketcher": tmp_path / "out.nii.gz"}
    used = predict_scan(maps_of(files), models, output, device="cpu", configurations=same)
    assert used == {"sketcher": read_json(models["sketcher"] / "model.json")["weights_sha256"]}
    changed = {**settings, "sketcher": {**settings["sketcher"], "lambda_l1": 1.0}}
    for other in (configuration_hash("sketcher", changed, 5), configuration_hash("sketcher", settings, 6)):
        with pytest.raises(
            InputError, match="was trained with the settings .*use the configuration of the model"
        ):
            predict_scan(maps_of(files), models, output, device="cpu", configurations={"sketcher": other})
    # settings of another method make no difference
    apart = {**settings, "refiner": {**settings["refiner"], "epochs": 99}}
    assert configuration_hash("sketcher", apart, 5) == same["sketcher"]
