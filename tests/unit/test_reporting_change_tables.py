"""The section on change of a new patient's page: statements on lesions between two sessions."""

from myelosketch.reporting.tables.change import WHOLE, change_tables

ROW = {
    **{"session_before": "01", "session_after": "02", "source": "predicted", "method": "refiner"},
    **{"mean_dvr_before": 1.1, "mean_dvr_after": 1.04, "change": -0.061, "limit": 0.0432, "claimed": "yes"},
}
WHOLE_ROW = ROW | {
    **{"pct_demyelinated_before": 40.0, "pct_demyelinated_after": 61.0, "limit_index": 8.2},
    **{"index_demyelination": 24.1, "index_remyelination": 3.0},
}


def test_all_lesions_and_each_one():
    lesion = ROW | {"lesion": 1, "volume_mm3": 812.0, "claimed": "no"}
    whole, single = change_tables({"changes": [WHOLE_ROW], "lesions": [lesion]})
    assert whole.header == WHOLE
    assert whole.rows == [
        ["01 → 02", "Predicted", "1.10 → 1.04", "−0.061", "0.043", "yes", "40 → 61 %", "24 / 3 %", "8 %"]
    ]
    assert single.rows == [["1", "01 → 02", "Predicted", "812", "1.10 → 1.04", "−0.061", "0.043", "no"]]


def test_a_patient_without_lesions_is_told_so():
    nothing = dict.fromkeys(WHOLE_ROW) | {
        key: ROW[key] for key in ("session_before", "session_after", "source")
    }
    whole, single = change_tables({"changes": [nothing], "lesions": []})
    assert whole.rows[0][2:6] == ["n/a → n/a", "n/a", "n/a", "n/a"]
    assert single.missing == "No lesion is large enough to be listed."
    whole, _ = change_tables({"changes": [], "lesions": []})
    assert whole.missing == "No two sessions could be compared."
