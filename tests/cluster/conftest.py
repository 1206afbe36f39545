"""One Slurm for all tests that need one; on a machine without its programs they are skipped by name."""

import pytest
from slurm_site import SlurmSite, missing


def pytest_collection_modifyitems(items):
    """Skip tests marked slurm if its programs are missing, and name the programs."""
    absent = missing()
    if absent:
        reason = f"no {', '.join(absent)} on this machine (Debian: apt-get install slurm-wlm munge)"
        for item in items:
            if item.get_closest_marker("slurm"):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A running SlurmSite, stopped at the end whatever happens."""
    # a short path: sockets have at most 108 characters
    with SlurmSite(tmp_path_factory.mktemp("slurm")) as site:
        yield site
