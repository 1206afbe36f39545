"""Check the size that an image's header states against the bytes of its file, before memory is allocated."""

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

GZIP_MAGIC = b"\x1f\x8b"
# the highest compression ratio that deflate can reach
MOST_PACKED = 1032
# a head at .3 mm has 4e8 voxels; the longest series has 1e9
MOST_OF_VOLUME, MOST_OF_SERIES = 5 * 10**8, 5 * 10**9
# header size of NIfTI-1, with the extension flag after it; NIfTI-2 has 540, FreeSurfer's MGH 284
_HEADER_BYTES = 544
_MGH_ITEMS = {0: 1, 1: 4, 3: 4, 4: 2}
# header size -> position and type of the shape, of the code of the voxel type, and of the offset of the voxels
_LAYOUTS = {348: ((40, "i2"), (70, "i2"), (108, "f4")), 540: ((16, "i8"), (12, "i2"), (168, "i8"))}


def size_problem(path: str | Path) -> str:
    """Return why the size in an image's header is impossible, as "is ..."; blank if it is possible.

    Parameters
    ----------
    path : NIfTI-1, NIfTI-2 or MGH, with or without compression; blank for any other file

    Returns
    -------
    str

    Raises
    ------
    OSError : the file cannot be read
    """
    with open(path, "rb") as stream:
        begin = stream.read(_HEADER_BYTES)
        held = os.fstat(stream.fileno()).st_size
    if begin.startswith(GZIP_MAGIC):
        held *= MOST_PACKED
        try:
            with gzip.open(path) as stream:
                begin = stream.read(_HEADER_BYTES)
        except (OSError, EOFError, zlib.error):  # the reader reports it
            return ""
    found = _nifti(begin) or _mgh(begin)
    if found is None:
        return ""
    shape, item_bytes, offset = found
    sides = [max(side, 1) for side in shape]
    stated = math.prod(sides) * item_bytes
    text = " x ".join(map(str, shape))
    if not 0 <= offset <= held or offset + stated > held:
        return f"is truncated or damaged: its header states {text} voxels, more than the file can contain"
    if math.prod(sides[:3]) > MOST_OF_VOLUME or math.prod(sides) > MOST_OF_SERIES:
        most = f"{MOST_OF_VOLUME:.0e} in a volume and {MOST_OF_SERIES:.0e} in a series".replace("e+0", "e")
        return f"is too large: its header states {text} voxels, expected at most {most}"
    return ""


def _nifti(begin: bytes) -> tuple[list[int], int, float] | None:
    """Return shape, bytes per voxel, and the offset of the voxels in bytes."""
    for order in "<>":
        size = int(np.frombuffer(begin[:4].ljust(4, b"\0"), f"{order}i4")[0])
        if size not in _LAYOUTS or len(begin) < size:
            continue
        dim, (code,), (offset,) = (
            np.frombuffer(begin, f"{order}{kind}", count, place).tolist()
            for (place, kind), count in zip(_LAYOUTS[size], (8, 1, 1), strict=True)
        )
        types: Any = nib.nifti1.data_type_codes.dtype
        item_bytes = types[code].itemsize if code in types else 0
        return dim[1 : 1 + min(max(dim[0], 0), 7)], item_bytes, offset
    return None


def _mgh(begin: bytes) -> tuple[list[int], int, float] | None:
    if len(begin) < 24:
        return None
    version, *shape, kind = np.frombuffer(begin, ">i4", 6).tolist()
    return (shape, _MGH_ITEMS[kind], 284) if version == 1 and kind in _MGH_ITEMS else None
