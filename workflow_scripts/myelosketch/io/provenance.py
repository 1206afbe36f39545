"""JSON sidecars: what an output was made from, with which parameters and versions."""

import contextlib
import functools
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import myelosketch

# the packages whose version can change a number
PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "nibabel",
    "nilearn",
    "antspyx",
    "dipy",
    "torch",
    "monai",
    "lightning",
    "statsmodels",
)


def sidecar_path(path: str | Path) -> Path:
    """The JSON file that belongs to an image: same name, ``.json`` for ``.nii.gz``."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically: after a crash it is complete or absent."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file atomically: after a crash it is complete or absent."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def replacing(path: str | Path, suffix: str | None = None) -> Iterator[Path]:
    """An empty file beside a path that takes its place when all is written; its rights are those of any new file.

    Parameters
    ----------
    path : its folder is made where it is not there
    suffix : of the temporary file, where a writer looks at it; that of ``path`` if not given
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=".", suffix=path.suffix if suffix is None else suffix
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # a temporary file is closed to everyone else
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The rights that new files of this process lack: the system tells them to who sets them only."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically; NaN is written as null."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """``content`` as indented JSON; NaN becomes null."""
    return json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@functools.cache  # the packages' metadata is read once, not for every sidecar
def software_versions() -> dict[str, str]:
    """Versions of this package and of the libraries whose numbers it uses."""
    versions = {"myelosketch": myelosketch.__version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # an environment per family of rules need not hold them all
            continue
    return versions


def provenance(
    *, sources: Iterable[str | Path] = (), parameters: Mapping[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """Content of a sidecar: sources by file name only (no machine paths), parameters, versions.

    Parameters
    ----------
    sources : list of paths the output was made from
    parameters : dict of plain values
    fields : further top-level entries, such as ``Units``

    Returns
    -------
    dict
    """
    return {
        **fields,
        "Sources": [Path(source).name for source in sources],
        "Parameters": parameters or {},
        "Software": software_versions(),
    }


def _plain(value: Any) -> Any:
    """Numbers of numpy as Python's, tuples as lists, paths as text, NaN as None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
