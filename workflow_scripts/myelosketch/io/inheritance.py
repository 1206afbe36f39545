"""Which JSON files speak of an image."""

from pathlib import Path

from myelosketch.io.provenance import sidecar_path


def metadata_files(image: str | Path) -> list[Path]:
    """JSON files that speak of an image, the farthest first: here the one beside it, where there is one."""
    beside = sidecar_path(image)
    return [beside] if beside.is_file() else []
