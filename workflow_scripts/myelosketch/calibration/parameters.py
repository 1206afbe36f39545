"""Parameters of the simulator as text. They are read from its code, so that the page agrees with it."""

import ast
import dataclasses
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import myelosketch
from myelosketch.calibration.markdown import table

SIMULATION = Path(myelosketch.__file__).parent / "simulation"
# modules of file names, codes and settings, which have no constants to list
LEFT_OUT_MODULES = ("__init__", "cohort", "participant", "settings")
LONGEST_VALUE = 600  # characters
FIRST_NAMED_PARENT = 3  # deeper keys are explained with the comment of the key above them too
START, END = "<!-- parameters: rendered from the code -->", "<!-- end of parameters -->"


def parameters_section(config: str | Path) -> str:
    """Return the tables of all settings and constants, between START and END.

    Parameters
    ----------
    config : path of the default ``config.yaml``, whose comments explain the settings

    Returns
    -------
    str, Markdown
    """
    return "\n\n".join(
        [START, "### Settings", settings_table(config), "### Constants", *constant_tables(), END]
    )


def settings_table(config: str | Path) -> str:
    """Return the table of all settings of the section ``simulation``: key, default, accepted range, meaning."""
    from myelosketch.simulation.settings import BOUNDS, DEFAULTS

    comments = config_comments(Path(config).read_text(encoding="utf-8"))
    rows = []
    for key, value in flatten(DEFAULTS):
        bounds = BOUNDS.get(key) or BOUNDS.get(key.rpartition(".")[0])
        accepted = f"{plain(bounds[0])} to {plain(bounds[1])}" if bounds else "–"
        rows.append((f"`{key}`", plain(value), accepted, comments.get(f"simulation.{key}", "")))
    return table(("setting (`simulation.`)", "default", "accepted", "meaning"), rows)


def changed_settings(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that differ from their defaults: dict, value as text by dotted key.

    Parameters
    ----------
    settings : dict, section ``simulation`` of the configuration, or a part of it
    """
    from myelosketch.simulation.physics import PHYSICS
    from myelosketch.simulation.settings import DEFAULTS

    defaults = dict(flatten({**DEFAULTS, "physics": dataclasses.asdict(PHYSICS)}))
    return {
        key: plain(value) for key, value in flatten(settings) if key in defaults and defaults[key] != value
    }


def constant_tables() -> list[str]:
    """Return a heading and a table for each module of the simulator that has constants: list of str."""
    parts = []
    for path in sorted(SIMULATION.glob("*.py")):
        if path.stem in LEFT_OUT_MODULES:
            continue
        rows = module_constants(path)
        if rows:
            parts += [f"`simulation/{path.name}`", table(("constant", "value", "meaning"), rows)]
        parts += record_tables(path)
    return parts


def record_tables(path: Path) -> list[str]:
    """Return a table for each constant that holds records by name, such as the kinds of lesion: list of str."""
    module = importlib.import_module(f"myelosketch.simulation.{path.stem}")
    parts = []
    for name, value in vars(module).items():
        if _holds_records(value) and type(next(iter(value.values()))).__module__ == module.__name__:
            fields = [field.name for field in dataclasses.fields(next(iter(value.values())))]
            rows = [
                (key, *(plain(getattr(record, field)) for field in fields)) for key, record in value.items()
            ]
            parts += [f"`{name}`", table((name.lower(), *fields), rows)]
    return parts


def _holds_records(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(dataclasses.is_dataclass(part) for part in value.values())
    )


def module_constants(path: Path) -> list[tuple[str, str, str]]:
    """Return the public constants of a module with numbers, in source order: list of (name, value, meaning)."""
    source = path.read_text(encoding="utf-8")
    module = importlib.import_module(f"myelosketch.simulation.{path.stem}")
    lines, rows = source.splitlines(), []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign) and node.value:
            targets = [node.target]
        else:
            continue
        names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        names = [name for name in names if re.fullmatch(r"[A-Z][A-Z0-9_]*", name)]
        meaning = comment_of(lines, node.lineno, node.end_lineno or node.lineno)
        for name in names:
            value = getattr(module, name)
            if not holds_numbers(value):
                continue
            rows.append((f"`{name}`", "table below" if _holds_records(value) else shortened(value), meaning))
    return rows


def holds_numbers(value: Any) -> bool:
    """Return whether a constant is or holds a number. Names, masks and slices are no parameters."""
    if isinstance(value, dict):
        return any(map(holds_numbers, value.values()))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return holds_numbers(dataclasses.asdict(value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iuf"
    if isinstance(value, tuple | list):
        return any(map(holds_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def comment_of(lines: Sequence[str], first: int, last: int) -> str:
    """Return the comments above lines ``first`` to ``last`` (counted from 1) of a source, and those at their ends."""
    above: list[str] = []
    for line in reversed(lines[: first - 1]):
        if not line.startswith("#"):
            break
        above.insert(0, line.lstrip("# "))
    beside = [match[1] for line in lines[first - 1 : last] if (match := re.search(r"  # (?!fmt)(.*)$", line))]
    return cell(" ".join(above + beside))


def config_comments(text: str) -> dict[str, str]:
    """Return the comments above the keys of a YAML file: dict, comment by dotted key."""
    path: list[str] = []
    pending: list[str] = []
    comments: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.strip()
        key = re.match(r"( *)([A-Za-z0-9_]+):", line)
        if stripped.startswith("#"):
            pending.append(stripped.lstrip("# "))
        elif key:
            path = [*path[: len(key[1]) // 2], key[2]]
            above = comments.get(".".join(path[:-1]), "") if len(path) > FIRST_NAMED_PARENT else ""
            comments[".".join(path)] = cell(" ".join([above, *pending]))
            pending = []
        else:
            pending = []
    return comments


def flatten(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of nested settings, in order."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def shortened(value: Any) -> str:
    """Return a constant as text, or a description if the text is too long for the page."""
    text = plain(value)
    if len(text) <= LONGEST_VALUE:
        return text
    if isinstance(value, np.ndarray):
        return f"{value.size} values, {value.min():.6g} to {value.max():.6g}"
    return f"{len(value)} entries, in the module" + (
        f": {', '.join(map(str, value))}" if isinstance(value, dict) else ""
    )


def plain(value: Any) -> str:
    """Return a constant as short text: numbers with six digits, collections with commas, dataclasses as fields."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, dict):
        parts = (
            f"{key}: " + (f"{{{plain(part)}}}" if isinstance(part, dict) else plain(part))
            for key, part in value.items()
        )
        return "; ".join(parts)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, tuple | list):
        return "(" + ", ".join(plain(part) for part in value) + ")"
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, int | float) else cell(str(value))


def cell(text: str) -> str:
    """Return the text in a form that fits into a cell of a Markdown table."""
    return re.sub(r"\s+", " ", text.replace("|", "\\|")).strip()
