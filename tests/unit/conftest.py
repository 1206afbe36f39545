"""Shared by the unit tests."""

import pytest
from bids_tree import make_dataset


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with relative paths in the messages, and a dataset of a patient 01 and a control 02."""
    monkeypatch.chdir(tmp_path)
    make_dataset()
    return tmp_path
