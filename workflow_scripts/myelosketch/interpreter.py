"""The Python that runs the scripts of the rules: its path, and where it finds this library."""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

# characters that have a meaning in a shell, and braces, which have one in Snakemake
SIGNS = re.compile(r"[^\w@%+=:,./-]")


def without_signs(executable: str) -> str:
    """Return a path to the same Python without white space and shell characters.

    Snakemake writes this path unquoted into the command of every script (snakemake #2645), so no script would run if
    a folder above the environment had, say, a space in its name. A link in the temporary folder leads to the
    environment; it exists until the process ends.
    """
    if not SIGNS.search(executable):
        return executable
    places = [place for place in (tempfile.gettempdir(), "/tmp", "/var/tmp") if not SIGNS.search(place)]
    folder = Path(tempfile.mkdtemp(prefix="python-", dir=places[0]))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = Path(executable).parents[1]
    (folder / "environment").symlink_to(environment)
    return str(folder / "environment" / Path(executable).relative_to(environment))


def library_first(library: str | Path) -> None:
    """Make scripts import this library, not one that is installed or on the user's own PYTHONPATH.

    Parameters
    ----------
    library : path of the folder that contains it; it becomes the first entry of PYTHONPATH
    """
    entries = [str(library), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, dict.fromkeys(entries)))
