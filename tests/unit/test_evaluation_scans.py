"""scans.tsv: a row per scan of the cohort, every column described, values those of the tables."""

import numpy as np
import pandas as pd
import pytest

from myelosketch.cohort.table import cohort_from_rows
from myelosketch.evaluation.scans import scan_table, write_scans
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table, write_table

METHODS = ["ridgemeans", "refiner"]


@pytest.fixture
def tables():
    people = [
        ("01", "MS", "1", "34"),
        ("02", "MS", "2", None),
        ("03", "HC", "1", "51"),
        ("B1", "HC", "0", "40"),
    ]
    rows = [{"subject": name, "group": group, "T1w": "secret/t1.nii.gz"} for name, group, *_ in people]
    cohort = cohort_from_rows(rows).assign(age=[age for *_, age in people])
    folds = pd.DataFrame(
        [(name, group, fold) for name, group, fold, _ in people], columns=["subject", "group", "fold"]
    )
    scans = [f"sub-{name}" for name, *_ in people]
    quality = pd.DataFrame(
        [(scan, modality, "ok", "mask") for scan in scans for modality in ("pet", "dwi")],
        columns=["scan", "modality", "verdict", "lesion_source"],
    )
    volumes = pd.DataFrame(
        [(scan, region, f"{number}{index}") for number, scan in enumerate(scans)
         for index, region in enumerate(("other", "nawm", "lesion"))],
        columns=["scan", "region", "volume_ml"],
    )  # fmt: skip
    regions, voxelwise, shares = [], [], []
    for number, (scan, (_, group, *_)) in enumerate(zip(scans, people, strict=True)):
        for place, method in enumerate(METHODS):
            for region in ("brain", "lesion", "nawm", "other"):
                absent = group == "HC" and region == "lesion"
                true, found = (np.nan, np.nan) if absent else (1 + number / 10, 1 + number / 10 + place / 100)
                regions.append((method, scan, region, true, found))
                voxelwise.append((method, scan, region, np.nan if absent else 0.1 * (1 + place)))
            if group == "MS":
                shares += [(method, scan, k, 50 * k, 40 * k, 0.5, 0.2 + place / 10) for k in (0.5, 1.0)]
    lesions = pd.DataFrame(
        [(method, "sub-01", lesion) for method in METHODS for lesion in (1, 2, 3)],
        columns=["method", "scan", "lesion"],
    )
    return {
        "cohort": cohort, "folds": folds, "quality": quality, "volumes": volumes, "lesions": lesions,
        "regions": pd.DataFrame(regions, columns=["method", "scan", "region", "mean_dvr_true", "mean_dvr_pred"]),
        "voxelwise": pd.DataFrame(voxelwise, columns=["method", "scan", "region", "mae"]),
        "demyelination": pd.DataFrame(
            shares, columns=["method", "scan", "k", "pct_true", "pct_pred", "dice", "mcc"]),
    }  # fmt: skip


def test_a_row_per_scan_with_its_own_values(tables):
    table, _ = scan_table(tables, methods=METHODS, k=1.0)
    assert table.scan.tolist() == ["sub-01", "sub-02", "sub-03", "sub-B1"]
    table = table.set_index("scan")
    assert table.fold.tolist() == ["1", "2", "1", "0"]
    assert table.age.tolist() == ["34", None, "51", "40"]
    assert table.loc["sub-02", "volume_ml_nawm"] == 11
    assert table.loc["sub-02", "dvr_nawm_pet"] == pytest.approx(1.1)
    assert table.loc["sub-02", "dvr_nawm_refiner"] == pytest.approx(1.11)
    assert table.loc["sub-01", "pct_demyelinated_pet"] == 50
    assert table.loc["sub-01", "pct_demyelinated_ridgemeans"] == 40
    scores = table.loc["sub-01", ["mcc_ridgemeans", "mcc_refiner", "mae_lesion_refiner"]].tolist()
    assert scores == pytest.approx([0.2, 0.3, 0.2])
    assert table.loc["sub-01", "n_lesions"] == 3
    assert np.isnan(table.loc["sub-03", "dvr_lesion_pet"])


def test_every_column_is_described_and_no_path_of_a_file_is_copied(tables):
    table, described = scan_table(tables, methods=METHODS, k=1.0)
    assert list(described) == list(table)
    assert all(entry["Description"] for entry in described.values())
    assert described["dvr_lesion_refiner"] == {
        "Description": "mean DVR of the lesions, predicted by refiner",
        "Units": "1",
    }
    assert described["pct_demyelinated_pet"]["Units"] == "%"
    assert "secret" not in table.to_csv()


def test_tables_of_external_sites_are_joined(tables, tmp_path):
    paths = {}
    for name, table in tables.items():
        paths[name] = tmp_path / f"{name}.tsv"
        write_table(table, paths[name])
    for name in ("regions", "demyelination", "voxelwise", "lesions"):
        external = tables[name].scan == "sub-B1"
        parts = [tmp_path / f"{name}-in.tsv", tmp_path / f"{name}-out.tsv"]
        write_table(tables[name][~external], parts[0])
        write_table(tables[name][external], parts[1])
        paths[name] = parts
    write_scans(paths, tmp_path / "scans.tsv", tmp_path / "scans.json", methods=METHODS, k=1.0)
    table = read_table(tmp_path / "scans.tsv", numeric=["dvr_nawm_pet"]).set_index("scan")
    assert table.loc["sub-B1", "dvr_nawm_pet"] == pytest.approx(1.3)
    assert list(read_json(tmp_path / "scans.json")) == ["scan", *table.columns]
