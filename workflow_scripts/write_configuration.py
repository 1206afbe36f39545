"""Write config.yaml and docs/configuration.md from the schema of the configuration."""

from pathlib import Path

from myelosketch.cohort.config import read_schema
from myelosketch.cohort.config_files import render_config, render_page

ROOT = Path(__file__).parents[1]

if __name__ == "__main__":
    schema = read_schema(ROOT / "rules/schemas/config.schema.yaml")
    for name, text in (
        ("config.yaml", render_config(schema)),
        ("docs/configuration.md", render_page(schema)),
    ):
        (ROOT / name).write_text(text, encoding="utf-8")
        print(f"Wrote {name}.")
