"""Check the text of configuration files for repeated keys, of which YAML and JSON keep only the last."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from myelosketch.errors import InputError

# largest number of values and keys of a configuration with aliases expanded; config.yaml has a few hundred
MOST_NODES = 100_000
MERGE = "tag:yaml.org,2002:merge"  # the key <<, which may be repeated


def check_config_files(paths: Iterable[str | Path]) -> None:
    """Raise an error for configuration files with repeated keys, or with aliases that expand without end.

    Parameters
    ----------
    paths : YAML or JSON files; one that cannot be read or parsed is skipped, because Snakemake refuses it

    Raises
    ------
    InputError : one line per key: file, key and both lines
    """
    files = list(dict.fromkeys(map(Path, paths)))
    problems = [problem for path in files for problem in (*alias_problems(path), *repeated_keys(path))]
    if problems:
        raise InputError("\n".join(problems))


def repeated_keys(path: Path) -> list[str]:
    """Return sentences about repeated keys in a file."""
    return [
        f"{_shown(path)} has the key {key} twice, in {_lines(first, second)}, and only the second would "
        "take effect: merge the two."
        for key, first, second in _repeated(_root(path), "", set())
    ]


def alias_problems(path: Path) -> list[str]:
    """Return sentences about aliases that contain themselves, or each other until they would fill the memory."""
    if _count(_root(path), {}) <= MOST_NODES:
        return []
    return [
        f"{_shown(path)} repeats parts by aliases, to more than {MOST_NODES} values: write out what is meant."
    ]


def _count(node: yaml.Node | None, known: dict[int, int]) -> int:
    """Return the number of values of a node with aliases expanded; above MOST_NODES if it contains itself."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_NODES  # in case it contains itself
        parts = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
        known[id(node)] = 1 + sum(_count(part, known) for part in parts)
    return known[id(node)]


def _root(path: Path) -> yaml.Node | None:
    """Return the file as nodes; None if it cannot be read or parsed."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if text.lstrip().startswith("{"):  # JSON may have tabs where YAML may not
            text = text.replace("\t", " ")
        return yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return None


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _repeated(node: yaml.Node | None, parent: str, seen: set[int]) -> Iterator[tuple[str, int, int]]:
    """Yield (dotted key, first line, second line) of each key that a mapping repeats, at any depth."""
    if node is None or id(node) in seen:  # an alias is the same node
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, entry in enumerate(node.value):
            yield from _repeated(entry, _join(parent, str(number)), seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            name = _join(parent, str(key.value))
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                line = key.start_mark.line + 1
                if (key.tag, key.value) in lines:
                    yield name, lines[key.tag, key.value], line
                lines[key.tag, key.value] = line
            yield from _repeated(value, name, seen)


def _lines(first: int, second: int) -> str:
    return f"line {first}" if first == second else f"lines {first} and {second}"


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name
