"""Ways to spoil a valid file: bytes flipped, cut or inserted, and parts of a known structure replaced by extremes."""

import json

import nibabel as nib
import numpy as np

# what a program that writes a text, or a person who edits one, may leave in it
HOSTILE_TEXT = (
    *("", " ", "n/a", "nan", "inf", "-inf", "-1", "0", "1e400", "1e-400", "9" * 400, "0x10", "1_000", "1,5"),
    *("2147483648", "-9223372036854775809", "1e308", "٣", "½", "\u202e", "\u0000", "é" * 300, "x" * 300, ".."),
    *("../../etc", "<script>", "$(id)", "; rm", "'", '"', "\n", "\t", "\r", "\u2028", "{a}", "<results>"),
    *("=1+1", "true", "null"),
)  # fmt: skip
HOSTILE_VALUES = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2**31,
        2**63,
        -(2**70),
        10**400,
        1e308,
        1e-308,
        float("nan"),
        float("inf"),
    ),
    *([], {}, [[]], [None], {"": None}, [1, "a"], [10**400], [1e308] * 3, [float("nan")] * 4, *HOSTILE_TEXT),
)
_WHOLE = (-(2**31), -32768, -2, -1, 0, 1, 2, 3, 4, 7, 8, 255, 348, 540, 1024, 32767, 2**31 - 1)
_REAL = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e-45,
    1e38,
    -1e38,
    352.0,
    1e9,
    1e15,
    float("nan"),
    float("inf"),
    -float("inf"),
)


def spoil_bytes(random, content):
    """Bytes with one to four faults that know nothing of what the bytes mean."""
    content = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        place = random.randrange(len(content) + 1)
        kind = random.randrange(6)
        if kind == 0 and content:
            content[place % len(content)] ^= 1 << random.randrange(8)
        elif kind == 1:
            content[place:place] = random.randbytes(random.choice((1, 2, 8, 64)))
        elif kind == 2:
            del content[place : place + random.choice((1, 2, 8, 64))]
        elif kind == 3:
            del content[place:]
        elif kind == 4:
            other = random.randrange(len(content) + 1)
            content[place:place] = content[other : other + random.choice((4, 32, 256))]
        elif kind == 5 and content:
            value = random.choice((0, 0xFF, 0x7F, 0x80))
            width = random.choice((1, 2, 4, 8))
            content[place : place + width] = bytes([value]) * len(content[place : place + width])
    return bytes(content)


def spoil_words(random, content):
    """A text with some of its words, cells or lines replaced, doubled or removed."""
    text = content.decode("utf-8", "replace")
    for _ in range(random.choice((1, 1, 2, 5))):
        separator = random.choice(("\n", "\t", " ", ",", ":"))
        parts = text.split(separator)
        place = random.randrange(len(parts))
        kind = random.randrange(5)
        if kind == 0:
            del parts[place]
        elif kind == 1:
            parts.insert(place, parts[random.randrange(len(parts))])
        elif kind == 2:
            parts[place] = parts[place] + random.choice(HOSTILE_TEXT)
        else:
            parts[place] = random.choice(HOSTILE_TEXT)
        text = separator.join(parts)
    return text.encode("utf-8", "surrogatepass")


def spoil_json(random, content):
    """JSON with some of its values replaced, or put under another key."""
    tree = json.loads(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        tree = spoil_value(random, tree)
    return json.dumps(tree).encode()


def spoil_value(random, value):
    """A plain value with one of its parts, at any depth, replaced."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        kind = random.random()
        if kind < 0.05:
            return {name: part for name, part in value.items() if name != key}
        if kind < 0.1:
            return value | {random.choice(HOSTILE_TEXT): random.choice(HOSTILE_VALUES)}
        return value | {key: spoil_value(random, value[key])}
    if isinstance(value, list) and value and random.random() < 0.8:
        place = random.randrange(len(value))
        kind = random.random()
        if kind < 0.1:
            return value[:place] + value[place + 1 :]
        if kind < 0.2:
            return value + value[place : place + 1]
        return [*value[:place], spoil_value(random, value[place]), *value[place + 1 :]]
    return random.choice(HOSTILE_VALUES)


def spoil_header(random, content):
    """A NIfTI-1 file, not compressed, with some fields of its header replaced."""
    header = np.frombuffer(content[:348], nib.nifti1.header_dtype).copy()
    for _ in range(random.choice((1, 1, 2, 4))):
        name = random.choice(
            ("dim", "dim", "datatype", "vox_offset", "scl_slope", "pixdim", *header.dtype.names)
        )
        field = header[name]
        if field.dtype.kind == "S":
            header[name] = random.randbytes(field.dtype.itemsize)
            continue
        values = _REAL if field.dtype.kind == "f" else _WHOLE
        with np.errstate(all="ignore"):
            value = np.array(random.choice(values)).astype(field.dtype)
        if field.ndim > 1:
            field[0, random.randrange(field.shape[1])] = value
        else:
            field[0] = value
    return header.tobytes() + content[348:]
