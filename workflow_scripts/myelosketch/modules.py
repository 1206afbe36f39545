"""Which modules of the library a rule computes with, as one hash: an edit reruns the rules that it concerns."""

import hashlib
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
# imports are found by their lines: parsing every module would take ten times as long, in every job's process
IMPORT = re.compile(r"^[ \t]*from (myelosketch[\w.]*) import (\([^)]*\)|[^\n(]*)", re.MULTILINE)
# imports for the type checker alone: nothing is computed with them
FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+[^\n]*\n|\n)+", re.MULTILINE)
# docstrings (a text that stands alone at the beginning of a line), lines that are comments, and blank lines
UNREAD = re.compile(r'^[ \t]*(?:"""(?:[^"\\]|\\.|"(?!""))*"""|#[^\n]*)?[ \t]*\n', re.MULTILINE)


def hash_of(*modules: str) -> str:
    """Hash of library modules and of all they import, blind to docstrings and comments.

    Parameters
    ----------
    modules : names below ``myelosketch``, such as "learning.training"

    Returns
    -------
    str, 16 hexadecimal digits
    """
    found: set[Path] = set()
    pending = [f"myelosketch.{name}" for name in modules]
    for name in pending:
        if not path_of(name).is_file():
            raise ValueError(f"The library has no module {name}.")
    while pending:
        path = path_of(pending.pop())
        if path not in found and path.is_file():
            found.add(path)
            pending += imports_of(path)
    together = "".join(digest(path) for path in sorted(found))
    return hashlib.sha256(together.encode()).hexdigest()[:16]


def hash_of_all() -> str:
    """Hash of the whole library, as :func:`hash_of`."""
    package = ROOT / "myelosketch"
    paths = [path.relative_to(package).with_suffix("") for path in package.rglob("*.py")]
    return hash_of(*(".".join(path.parts) for path in paths))


def path_of(module: str) -> Path:
    """Path of a module by its full name, whether it exists or not."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


@cache  # a module is imported by many
def imports_of(path: Path) -> list[str]:
    """Names of this library's modules that one of its files imports, wherever in it."""
    found = IMPORT.findall(FOR_TYPES.sub("", path.read_text(encoding="utf-8")))
    return [
        name
        for module, imported in found
        for name in (module, *(f"{module}.{word}" for word in re.findall(r"\w+", imported)))
    ]


@cache
def digest(path: Path) -> str:
    """SHA-256 of what a module does."""
    return hashlib.sha256(without_comments(path.read_text(encoding="utf-8")).encode()).hexdigest()


def without_comments(text: str) -> str:
    """The text of a module without docstrings, blank lines and lines that are comments."""
    return UNREAD.sub("", text)
