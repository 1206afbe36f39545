"""JSON sidecars: the sources, parameters and versions behind an output."""

import contextlib
import functools
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import myelosketch

# packages whose version can change a result
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
    """Return the path of an image's JSON sidecar: same name, ``.json`` for ``.nii.gz``."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically: after a crash it is either complete or absent."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file atomically: after a crash it is either complete or absent."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which is renamed to ``path`` once the file is complete.

    Its name depends on ``path`` alone, so the next job overwrites what a killed one left, and no orphaned file
    remains.

    Parameters
    ----------
    path : str or Path; its folder is created

    Yields
    ------
    Path : hidden, with the same suffix
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically; NaN is written as null."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """Return ``content`` as indented JSON; NaN becomes null."""
    return json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal text."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@functools.cache  # package metadata is read once, not for every sidecar
def software_versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries that its results depend on."""
    versions = {"myelosketch": myelosketch.__version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # the environment of a group of rules need not contain all of them
            continue
    return versions


def provenance(
    *, sources: Iterable[str | Path] = (), parameters: Mapping[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """Return the content of a sidecar: sources by file name only (no paths of the machine), parameters, versions.

    Parameters
    ----------
    sources : list of paths that the output was made from
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
    """Return numpy numbers as Python numbers, tuples as lists, paths as text, NaN as None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
