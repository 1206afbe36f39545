"""Tables and sidecars: text in, text out, complete or absent."""

import numpy as np
import pandas as pd
import pytest

from myelosketch.errors import InputError
from myelosketch.io.provenance import provenance, read_json, sidecar_path, write_json
from myelosketch.io.tables import read_table, write_table


def test_missing_is_na_and_identifiers_stay_text(tmp_path):
    write_table(pd.DataFrame({"subject": ["01", "02"], "mae": [0.5, np.nan]}), tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_text() == "subject\tmae\n01\t0.5\n02\tn/a\n"
    table = read_table(tmp_path / "t.tsv", numeric=("mae",))
    assert table.subject.tolist() == ["01", "02"]
    assert table.mae[0] == 0.5
    assert np.isnan(table.mae[1])


def test_comma_separated_by_suffix(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,\n")
    table = read_table(tmp_path / "t.csv")
    assert table.a[0] == "1"
    assert pd.isna(table.b[0])


def test_text_where_a_number_belongs(tmp_path):
    (tmp_path / "t.tsv").write_text("mae\nmany\n")
    with pytest.raises(InputError, match="has 'many' in column mae; expected a number or n/a"):
        read_table(tmp_path / "t.tsv", numeric=("mae",))


def test_absent_and_empty_table(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_table(tmp_path / "none.tsv")
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "empty.tsv")


def test_sidecar_has_no_machine_paths_and_no_nan(tmp_path):
    content = provenance(sources=["/some/where/a.nii.gz"], parameters={"sigma": np.float32("nan")}, Units="1")
    write_json(tmp_path / "a.json", content)
    found = read_json(tmp_path / "a.json")
    assert found["Sources"] == ["a.nii.gz"]
    assert found["Parameters"] == {"sigma": None}
    assert found["Software"]["myelosketch"]
    assert sidecar_path("x/a.nii.gz").name == "a.json"
