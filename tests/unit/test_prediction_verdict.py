"""Whether the numbers of a new scan are shown, the reason if not, and the setting that would show them."""

import pandas as pd
import pytest

from myelosketch.prediction.verdict import Acceptance, verdict_on

FAR = {"map": "MTR", "verdict": "out_of_range", "reason": "MTR is far."}
SAID_ALREADY = {"map": "FA", "verdict": "out_of_range", "reason": ""}
NEAR = {"map": "RD", "verdict": "unusual", "reason": "RD is unusual."}
RIGHT = {"map": "AD", "verdict": "ok", "reason": ""}
PLACED = {"modality": "dwi", "verdict": "ok", "reason": None}
LOST = {"modality": "MTR", "verdict": "failed", "reason": "lands 5 mm away"}


def judged(rows, quality=(PLACED,), registration=(), maps=()):
    accepted = Acceptance({}, {"sub-01": list(registration)}, {"sub-01": list(maps)})
    return verdict_on("sub-01", rows, pd.DataFrame(quality), accepted)


@pytest.mark.parametrize(
    ("rows", "verdict", "reasons"),
    [
        ([RIGHT], "ok", []),
        ([RIGHT, NEAR], "unusual", ["RD is unusual."]),
        (
            [FAR, SAID_ALREADY, NEAR],
            "withheld",
            [
                "MTR is far.",
                "RD is unusual.",
                "If the maps are correct, accept them by prediction: {accept: {sub-01: [MTR, FA]}}.",
            ],
        ),
    ],
)
def test_maps_far_from_the_training_scans_withhold_the_numbers(rows, verdict, reasons):
    assert judged(rows) == (verdict, reasons)


def test_what_is_accepted_is_unusual_and_still_said():
    assert judged([FAR, SAID_ALREADY], maps=["MTR", "FA"]) == ("unusual", ["MTR is far."])
    verdict, reasons = judged([FAR, SAID_ALREADY], maps=["MTR"])
    assert verdict == "withheld"
    assert reasons[-1].endswith("{accept: {sub-01: [FA]}}.")


def test_a_failed_registration_withholds_the_numbers_whatever_the_maps():
    verdict, reasons = judged([NEAR], quality=[PLACED, LOST])
    assert verdict == "withheld"
    assert reasons == [
        "Registration: MTR lands 5 mm away; if it is correct, accept it by registration: {accept: {sub-01: [MTR]}}.",
        "RD is unusual.",
    ]
    accepted = LOST | {"verdict": "accepted"}
    verdict, reasons = judged([RIGHT], quality=[accepted])
    assert (verdict, reasons) == ("unusual", ["Registration: MTR lands 5 mm away."])
