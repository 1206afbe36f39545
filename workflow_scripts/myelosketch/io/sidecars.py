"""JSON sidecars of the user's images, read with care because any program may have written them."""

import json
from pathlib import Path
from typing import Any

from myelosketch.errors import InputError
from myelosketch.io.inheritance import metadata_files

# a sidecar has a few kilobytes; the largest ones, of dynamic PET, have some hundred
LARGEST_BYTES = 10_000_000


def read_metadata(image: str | Path) -> dict[str, Any]:
    """Return the metadata of all JSON files of an image; if several define a key, the file nearest to the image wins.

    Parameters
    ----------
    image : path of the image

    Returns
    -------
    dict : empty if there is no JSON

    Raises
    ------
    InputError : as ``read_sidecar``
    """
    found: dict[str, Any] = {}
    for path in metadata_files(image):
        found |= read_sidecar(path)
    return found


def read_sidecar(path: str | Path) -> dict[str, Any]:
    """Return the content of one JSON file, UTF-8 with or without a byte order mark.

    Raises
    ------
    InputError : the file is unreadable, too large, or not UTF-8, JSON or an object; the message gives the position
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_BYTES else b""
    except OSError as error:
        raise InputError(f"{path} cannot be opened ({error.strerror}): make it readable.") from error
    if size > LARGEST_BYTES:
        raise InputError(
            f"{path} holds {size / 1e6:.0f} MB, expected at most {LARGEST_BYTES / 1e6:.0f} MB of JSON: is it the "
            "right file?"
        )
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path} is not UTF-8: byte {content[error.start]:#04x} at position {error.start} (line {line}): save "
            "it as UTF-8."
        ) from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}: correct it there."
        ) from error
    except (RecursionError, ValueError) as error:
        raise InputError(
            f"{path} is not a sidecar: it is nested too deeply, or holds a number that is too long: write it again."
        ) from error
    if not isinstance(found, dict):
        raise InputError(f"{path} does not contain a JSON object: write keys and values between {{ and }}.")
    return found
