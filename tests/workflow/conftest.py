"""The tiny cohort, run once for all workflow tests, in a folder of its own."""

import pytest
from workflow_run import snakemake


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """Folder of a finished run of the tiny cohort."""
    folder = tmp_path_factory.mktemp("smoke")
    snakemake(folder)
    return folder
