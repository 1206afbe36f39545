"""Write docs/licences.md: the licence of every package of requirements.txt, as the package states it.

python envs/licences.py
"""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/licences.md"
START = """# Licences of the packages

What each package of `requirements.txt` states of its licence, in the metadata that it is installed with. The table is
written by `python envs/licences.py`; a test compares it with the packages that are installed.

Known faults of these versions are listed by [pip-audit](https://pypi.org/project/pip-audit/), which asks a database
on the network and is no part of the environment: `pipx run pip-audit --requirement requirements.txt --no-deps`.

| package | version | licence |
| --- | --- | --- |
"""
# longer than any name of a licence: some packages give the whole text
LONGEST = 60


def page():
    """The page for the installed packages, str."""
    names = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), flags=re.M)
    return START + "".join(f"| {name} | {version} | {licence(name)} |\n" for name, version in names)


def licence(name):
    """The licence that a package states: its SPDX expression, its classifiers, or the first line of its text."""
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return "not installed here"
    classes = [text for text in told.get_all("Classifier") or [] if text.startswith("License ::")]
    short = [text.split(" :: ")[-1] for text in classes if text.count(" :: ") > 1]
    text = (told.get("License") or "").strip().split("\n")[0]
    text = text if len(text) <= LONGEST else ""
    return (told.get("License-Expression") or "; ".join(short) or text or "not stated").replace("|", "/")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
