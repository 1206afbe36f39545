"""Read a model bundle: one zip file, of which every byte is checked in memory. Nothing is unpacked or unpickled."""

import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from myelosketch.errors import InputError
from myelosketch.io.run_files import BUNDLE
from myelosketch.io.tables import read_table
from myelosketch.learning.models import CARD, WEIGHTS, check_model
from myelosketch.prediction.bundle_checks import ANOTHER_COPY, check_cards, check_format, check_manifest
from myelosketch.prediction.bundle_layout import MANIFEST, README, TABLES, WORDS, file_names, model_file

# the comment of the zip file: a checksum of every byte before it
COMMENT = re.compile(rb"sha256:([0-9a-f]{64})")
COMMENT_BYTES = 71
# largest size of a bundle, packed or unpacked, and of its manifest, which is read before the sizes are checked
LARGEST_BYTES = 2 * 10**9
LARGEST_MANIFEST = 10**7
# errors that zipfile raises for an entry that differs from the zip's directory
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
)
# errors that a card with entries of another type raises
_ODD = (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError)

Model = tuple[dict[str, np.ndarray], dict[str, Any]]


@dataclass(frozen=True)
class Bundle:
    """A model bundle in memory, with every byte checked.

    Parameters
    ----------
    manifest : dict, content of ``bundle.json``
    models : dict, fold -> method -> (weights as dict of arrays, card)
    tables : dict, name of a table -> DataFrame
    readme : str, description for users (Markdown)
    sha256 : str, of the whole file
    """

    manifest: dict[str, Any]
    models: dict[int, dict[str, Model]]
    tables: dict[str, pd.DataFrame]
    readme: str
    sha256: str

    def table(self, name: str) -> pd.DataFrame:
        """Return a copy of a table: ``residuals``, ``errors`` or ``scores``."""
        return self.tables[name].copy()


def read_bundle(path: str | Path) -> Bundle:
    """Read a model bundle and check all of it.

    Parameters
    ----------
    path : of the file, or of the results folder of a run that contains ``model.zip``

    Returns
    -------
    Bundle

    Raises
    ------
    InputError : the file is absent, is not a bundle, was cut short or altered, has another format, map order or
        units, or differs from its manifest
    """
    path = Path(path)
    if path.is_dir():
        if not (path / BUNDLE).is_file():
            raise InputError(
                f"{path} contains no {BUNDLE}: run `snakemake bundle --cores 1` in the project of that run, or give "
                "the path of a bundle."
            )
        path /= BUNDLE
    if not path.is_file():
        raise InputError(
            f"The model bundle {path} does not exist: correct its path, or write it with `snakemake bundle "
            "--cores 1` in the project of a finished run."
        )
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(
                f"{path} is larger than {_gigabytes(LARGEST_BYTES)}, so it is not a model bundle."
            )
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): copy it again.") from error
    return parse_bundle(content, str(path))


def parse_bundle(content: bytes, path: str) -> Bundle:
    """Do the same as `read_bundle` with the bytes of a bundle.

    Parameters
    ----------
    content : bytes
    path : for messages

    Returns
    -------
    Bundle

    Raises
    ------
    InputError : see `read_bundle`
    """
    check_unaltered(content, path)
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (*_DAMAGED, NotImplementedError) as error:
        raise InputError(f"{path} cannot be read as a zip file ({error}): {ANOTHER_COPY}.") from error
    with archive:
        check_entries(archive, path)
        manifest = _read_json(path, MANIFEST, _read_entry(archive, path, MANIFEST, LARGEST_MANIFEST))
        check_format(path, manifest)
        check_manifest(path, manifest)
        files = read_files(archive, path, manifest)
    models = {fold: _read_models(path, fold, manifest, files) for fold in manifest["folds"]}
    cards = {fold: {method: card for method, (_, card) in found.items()} for fold, found in models.items()}
    check_cards(path, manifest, cards)
    tables = {name: _read_tsv(path, name, files[f"{name}.tsv"]) for name in TABLES}
    readme = files[README].decode("utf-8", errors="replace")
    return Bundle(manifest, models, tables, readme, hashlib.sha256(content).hexdigest())


def check_unaltered(content: bytes, path: str) -> None:
    """Raise an error unless a file is a zip that ends with the checksum of all its other bytes."""
    if not content.startswith(b"PK\x03\x04"):
        raise InputError(
            f"{path} is not a model bundle (it does not begin like a zip file): give the path of the {BUNDLE} that "
            "`snakemake bundle` wrote, or copy it again."
        )
    told = COMMENT.fullmatch(content[-COMMENT_BYTES:])
    if told is None:
        raise InputError(
            f"{path} does not end with the checksum of a model bundle, so it was cut short or altered in transfer, "
            "or is another zip file: copy it again."
        )
    found = hashlib.sha256(content[:-COMMENT_BYTES]).hexdigest()
    if told[1].decode() != found:
        raise InputError(
            f"{path} was altered after it was written (its bytes have the checksum {found[:12]}, but it ends with "
            f"{told[1].decode()[:12]}): copy it again."
        )


def check_entries(archive: zipfile.ZipFile, path: str) -> None:
    """Raise an error for a name that points outside the bundle or occurs twice, and for an unusual compression."""
    seen: set[str] = set()
    for entry in archive.infolist():
        name = entry.filename
        if ".." in PurePosixPath(name).parts or name.startswith("/") or "\\" in name or ":" in name:
            raise InputError(
                f"{path} has an entry {name!r}, which points outside the bundle: do not use this file."
            )
        if name in seen:
            raise InputError(f"{path} contains {name} twice: {ANOTHER_COPY}.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{path} contains {name}, which is neither stored nor deflated: {ANOTHER_COPY}.")
        seen.add(name)
    if MANIFEST not in seen:
        raise InputError(f"{path} lacks {MANIFEST}, so it is not a model bundle: give another file.")


def read_files(archive: zipfile.ZipFile, path: str, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """Return every file of a bundle after comparing it with the manifest.

    Parameters
    ----------
    archive : ZipFile with checked names
    path : for messages
    manifest : dict, checked

    Returns
    -------
    dict : name -> bytes

    Raises
    ------
    InputError : a file is unknown or missing, or has another size or checksum than stated, or the total is too large
    """
    wanted, listed = file_names(manifest["models"], manifest["folds"]), manifest["files"]
    held = {entry.filename: entry.file_size for entry in archive.infolist() if entry.filename != MANIFEST}
    for names, where in ((listed, MANIFEST), (held, "the zip")):
        if missing := sorted(set(wanted) - set(names)):
            raise InputError(f"{path} lacks {missing[0]} in {where}: {ANOTHER_COPY}.")
        if unknown := sorted(set(names) - set(wanted)):
            raise InputError(
                f"{path} contains {unknown[0]!r} in {where}, which is not part of a bundle: {ANOTHER_COPY}."
            )
    # checked before anything is decompressed
    for name in wanted:
        if held[name] != listed[name]["bytes"]:
            raise InputError(
                f"{path} contains {name} with {held[name]} bytes; {MANIFEST} states {listed[name]['bytes']}: "
                f"{ANOTHER_COPY}."
            )
    if sum(held.values()) > LARGEST_BYTES:
        raise InputError(f"{path} would unpack to more than {_gigabytes(LARGEST_BYTES)}: {ANOTHER_COPY}.")
    files = {name: _read_entry(archive, path, name, held[name]) for name in wanted}
    for name, content in files.items():
        found = hashlib.sha256(content).hexdigest()
        if found != listed[name]["sha256"]:
            raise InputError(
                f"{path} contains {name} with SHA-256 {found[:12]}; {MANIFEST} states {listed[name]['sha256'][:12]}: "
                f"{ANOTHER_COPY}."
            )
    return files


def _read_entry(archive: zipfile.ZipFile, path: str, name: str, most: int) -> bytes:
    """Return the bytes of an entry. At most ``most`` + 1 bytes are decompressed."""
    try:
        with archive.open(name) as stream:
            content = stream.read(most + 1)
    except (*_DAMAGED, NotImplementedError) as error:
        raise InputError(
            f"{path} contains {name}, which cannot be read ({error}): {ANOTHER_COPY}."
        ) from error
    if len(content) > most:
        raise InputError(f"{path} contains {name} with more than {most} bytes: {ANOTHER_COPY}.")
    return content


def _read_json(path: str, name: str, content: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(content.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} contains {name}, which is not JSON ({error}): {ANOTHER_COPY}.") from error


def _read_models(
    path: str, fold: int, manifest: Mapping[str, Any], files: Mapping[str, bytes]
) -> dict[str, Model]:
    """Return the weights and cards of one fold after checking every model."""
    models = {}
    for method in manifest["models"]:
        weights, name = files[model_file(fold, method, WEIGHTS)], model_file(fold, method, CARD)
        card = _read_json(path, name, files[name])
        try:
            models[method] = check_model(f"{path}/{name}", card, weights, method=method), card
        except _ODD as error:
            raise InputError(
                f"{path} contains {name}, which is not a model card ({error!r}): {ANOTHER_COPY}."
            ) from error
    return models


def _read_tsv(path: str, name: str, content: bytes) -> pd.DataFrame:
    columns = TABLES[name]
    try:
        table = read_table(
            io.StringIO(content.decode("utf-8")), numeric=[c for c in columns if c not in WORDS]
        )
    except (InputError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} contains {name}.tsv, which is not a table of numbers: {ANOTHER_COPY}."
        ) from error
    if tuple(table.columns) != columns:
        raise InputError(
            f"{path} contains {name}.tsv with the columns {', '.join(table.columns)}; expected {', '.join(columns)}: "
            f"{ANOTHER_COPY}."
        )
    return table


def _gigabytes(count: int) -> str:
    return f"{count / 10**9:g} GB"
