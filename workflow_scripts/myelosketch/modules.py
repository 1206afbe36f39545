"""One hash of the library modules that a rule uses: an edit reruns only the rules that it affects."""

import hashlib
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
# imports are found by regular expression: parsing every module would take ten times as long, in every job's process
IMPORT = re.compile(r"^[ \t]*from (myelosketch[\w.]*) import (\([^)]*\)|[^\n(]*)", re.MULTILINE)
# imports only for the type checker do not affect results
FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+[^\n]*\n|\n)+", re.MULTILINE)
# docstrings (a string that starts a line), comment lines and blank lines
UNREAD = re.compile(r'^[ \t]*(?:"""(?:[^"\\]|\\.|"(?!""))*"""|#[^\n]*)?[ \t]*\n', re.MULTILINE)


def hash_of(*modules: str) -> str:
    """Return a hash of library modules and of all that they import, without docstrings and comments.

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
    """Return the hash of the whole library, see :func:`hash_of`."""
    package = ROOT / "myelosketch"
    paths = [path.relative_to(package).with_suffix("") for path in package.rglob("*.py")]
    return hash_of(*(".".join(path.parts) for path in paths))


def path_of(module: str) -> Path:
    """Return the path of a module from its full name, even if it does not exist."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


@cache  # many modules import the same one
def imports_of(path: Path) -> list[str]:
    """Return the names of this library's modules that one of its files imports, anywhere in the file."""
    found = IMPORT.findall(FOR_TYPES.sub("", path.read_text(encoding="utf-8")))
    return [
        name
        for module, imported in found
        for name in (module, *(f"{module}.{word}" for word in re.findall(r"\w+", imported)))
    ]


@cache
def digest(path: Path) -> str:
    """Return the SHA-256 of a module's code."""
    return hashlib.sha256(without_comments(path.read_text(encoding="utf-8")).encode()).hexdigest()


def without_comments(text: str) -> str:
    """Return the text of a module without docstrings, blank lines and comment lines."""
    return UNREAD.sub("", text)
