"""Prediction of a new scan by the model of the demonstration: what the numbers say if part of the head is missing."""

import numpy as np
import pytest
import yaml
from new_scan import AFFINE, SHAPE, head
from workflow_run import ROOT

from myelosketch.imaging.registration.fractions import FRACTIONS
from myelosketch.io.provenance import write_json
from myelosketch.io.volumes import load_volume, save_volume
from myelosketch.prediction.new_scan import predict_new_scan
from myelosketch.prediction.verdict import Acceptance

MODEL = ROOT / yaml.safe_load((ROOT / "configs/demo.yaml").read_text())["prediction"]["model"]
SCAN = "sub-01"
MAPS = ("mtr", "fa", "rd", "ad")
MISSING = np.s_[:, :, :16]  # lower half of the head, with a part of the largest lesion


@pytest.fixture
def predict(tmp_path):
    def run(missing=None, accepted=()):
        """Return the numbers, and the region map and the images that were written."""
        maps = head(
            lesions=(np.s_[12:17, 20:25, 14:18], np.s_[20:23, 22:25, 20:22], np.s_[13:15, 15:17, 9:10])
        )
        files = {name: tmp_path / f"{name}.nii.gz" for name in (*MAPS, "regions", "fractions")}
        for name in MAPS:
            if missing:
                maps[name][missing] = 0
            save_volume(files[name], maps[name], AFFINE)
        save_volume(files["regions"], maps["regions"].astype(np.uint8), AFFINE)
        note = {"LabelMap": list(FRACTIONS), "LesionSource": "mask"}
        save_volume(files["fractions"], np.zeros((*SHAPE, len(FRACTIONS))), AFFINE, sidecar=note)
        files |= {name: tmp_path / f"{name}.json" for name in ("quality", "inspection")}
        write_json(files["quality"], {"scan": SCAN, "group": "MS", "lesion_source": "mask", "rows": []})
        write_json(files["inspection"], {"files": []})
        outputs = {
            name: tmp_path / f"out/{name}.nii.gz" for name in ("predicted", "demyelinated", "expected_error")
        }
        numbers = predict_new_scan(
            files | {"model": MODEL},
            outputs | {"numbers": tmp_path / "out/numbers.json"},
            scan=SCAN, group="MS", site=None, level=0.9, accepted=Acceptance({}, {}, {SCAN: list(accepted)}),
            device="cpu",
        )  # fmt: skip
        return numbers, maps["regions"], {name: load_volume(path).data for name, path in outputs.items()}

    return run


def coverage(numbers):
    return {row["map"]: row["value"] for row in numbers["range"] if row["feature"] == "coverage"}


def test_maps_without_a_part_of_the_head_are_out_of_range(predict):
    whole, regions, _ = predict()
    assert coverage(whole) == dict.fromkeys(("MTR", "FA", "RD", "AD"), 1.0)
    cut, *_ = predict(MISSING)
    white = regions == 2
    left = 1 - white[MISSING].sum() / white.sum()
    assert coverage(cut) == pytest.approx(dict.fromkeys(("MTR", "FA", "RD", "AD"), left))
    assert cut["verdict"] == "withheld"
    assert any(f"covers {left:.0%} of the white matter" in reason for reason in cut["reasons"])


def test_numbers_of_accepted_maps_are_those_of_voxels_with_a_prediction(predict):
    numbers, regions, images = predict(MISSING, accepted=("MTR", "FA", "RD", "AD", "petref"))
    dvr, demyelinated = images["predicted"], images["demyelinated"]
    seen = dvr != 0
    for name, code in (("white_matter", 2), ("lesions", 3), ("other", 1)):
        inside = regions == code
        assert numbers["regions"][name]["mean_dvr"] == pytest.approx(dvr[inside & seen].mean(), abs=1e-5)
        assert numbers["regions"][name]["volume_ml"] == pytest.approx(inside.sum() * 0.064)
    lesion = regions == 3
    share = 100 * demyelinated[lesion & seen].mean()
    assert numbers["pct_demyelinated"]["value"] == pytest.approx(share)
    assert numbers["n_lesion_voxels"] == lesion.sum()
    # the lesion below the edge of the maps is counted, but has no DVR
    assert numbers["n_lesions"] == 3
    assert [lesion["lesion"] for lesion in numbers["lesions"]] == [1, 2]
