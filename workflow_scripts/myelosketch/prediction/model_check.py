"""Check of a model before use: it is complete and unaltered, and its settings match those of this run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from myelosketch.errors import InputError
from myelosketch.io.provenance import write_json, write_text
from myelosketch.prediction.bundle import read_bundle


def check_model(
    model: str | Path, facts: str | Path, readme: str | Path, *, settings: Mapping[str, Mapping[str, Any]]
) -> None:
    """Read and check a model, and write its manifest and README.

    Parameters
    ----------
    model : path of the bundle
    facts : path of the JSON to write: its manifest
    readme : path of its README to write
    settings : dict of dicts, settings of this run by section that must equal those of the training (`check_settings`)

    Raises
    ------
    InputError : the bundle cannot be used, or was trained with other settings
    """
    bundle = read_bundle(model)
    check_settings(bundle.manifest, settings)
    write_json(facts, {**bundle.manifest, "sha256": bundle.sha256})
    write_text(readme, bundle.readme)


def check_settings(manifest: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise an error if new scans would be prepared with other settings than the training scans.

    Parameters
    ----------
    manifest : dict, of the bundle
    settings : dict of dicts, settings of this run by section

    Raises
    ------
    InputError : lists the settings that differ, as lines to write
    """
    trained = manifest["settings"]
    wanted: dict[str, Mapping[str, Any]] = {
        "registration": {"pet_fwhm_mm": manifest["pet_fwhm_mm"]},
        "regions": trained["regions"],
        "evaluation": {key: trained[key] for key in ("k", "min_lesion_mm3", "lesion_sizes_mm3")},
        "prediction": {"flips": trained["flips"]},
        "reporting": {"method": manifest["method"]},
    }
    lines = [
        f"{section}: {{{key}: {value}}} (now {settings[section].get(key)})"
        for section, values in wanted.items()
        for key, value in values.items()
        if settings[section].get(key) != value
    ]
    if lines:
        raise InputError(
            "The model was trained with other settings than those of this configuration; set those of the training: "
            f"{'; '.join(lines)}."
        )
