"""Write a model bundle: one zip with the models of a finished run and everything a prediction needs."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.evaluation.demyelination import pooled_reference, white_matter_values
from myelosketch.evaluation.masks import check_labels
from myelosketch.evaluation.residuals import held_out_residuals
from myelosketch.evaluation.summary import read_scores
from myelosketch.io.names import INPUT_MAPS, REGION_CODES, UNITS
from myelosketch.io.provenance import json_text, read_json, software_versions, write_bytes
from myelosketch.io.tables import read_table, table_text
from myelosketch.io.volumes import Volume, check_same_grid, load_volume
from myelosketch.learning.harmonisation import mean_over_scans, model_white_matter, of_one_scan
from myelosketch.learning.ladder import needed_models
from myelosketch.learning.models import CARD, PURPOSE, WEIGHTS, check_model, git_commit, read_model_files
from myelosketch.prediction.bundle import COMMENT_BYTES, parse_bundle
from myelosketch.prediction.bundle_layout import FORMAT, MANIFEST, README, TABLES, WORDS, model_file
from myelosketch.prediction.bundle_plan import IMAGES
from myelosketch.prediction.bundle_readme import bundle_readme
from myelosketch.prediction.bundle_tables import expected_errors, shown_scores, without_names
from myelosketch.prediction.value_range import describe_maps, native_voxels, training_range

# entries of a card that a bundle keeps; none contains the name of a participant or a file
CARD_ENTRIES = (
    *("purpose", "format", "method", "fold", "settings", "normalisation", "input_maps", "units"),
    *("value_ranges", "white_matter", "validation", "data_sha256", "sketcher_sha256", "config_sha256"),
    *("seed", "device", "precision", "threads", "epochs", "best", "warnings", "seconds", "software"),
    *("commit", "weights_sha256", "harmonisation"),
)
# the earliest date that a zip file can have
DATE = (1980, 1, 1, 0, 0, 0)


def write_bundle(
    output: str | Path,
    *,
    models: Mapping[tuple[int, str], str | Path],
    tables: Mapping[str, str | Path],
    images: Mapping[str, Sequence[str | Path]],
    inspections: Sequence[str | Path],
    groups: Sequence[str],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the bundle of a finished run. The same run gives the same bytes.

    Parameters
    ----------
    output : path of the zip
    models : dict, (fold, method) -> folder of the model
    tables : dict, each of `bundle_plan.SOURCE_TABLES` -> TSV of the run's evaluation
    images : dict, each of `bundle_plan.IMAGES` -> list of paths, one per scan of the cross-validation
    inspections : list of paths, JSON of the inspection of each scan
    groups : list of "MS" or "HC", one per scan
    facts : dict: ``method``, ``simulated``, ``n_patients`` and ``n_controls`` (participants), ``pet_fwhm_mm``, and
        ``settings`` with ``k``, ``alpha``, ``min_lesion_mm3``, ``lesion_sizes_mm3``, ``flips`` and ``regions``

    Returns
    -------
    dict, the manifest

    Raises
    ------
    InputError : a model is absent or differs from its card, an older version wrote a table, or there is no control
    GeometryError : images of a scan have different grids
    """
    method = facts["method"]
    files, cards = read_models(models, needed_models([method]))
    # the notes of a summary are text
    numbers = [column for column in TABLES["scores"] if column not in WORDS]
    summary = read_table(tables["summary"], numeric=numbers)
    sources = {name: read_scores(path) for name, path in tables.items() if name != "summary"}
    k = float(facts["settings"]["k"])
    contents = {
        "residuals": without_names(held_out_residuals(sources, method, k)),
        "errors": expected_errors(sources["calibration"], method),
        "scores": shown_scores(summary, method),
    }
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "purpose": PURPOSE,
        "licence": licence(simulated=facts["simulated"]),
        "method": method,
        "models": needed_models([method]),
        "folds": sorted({fold for fold, _ in models}),
        "input_maps": cards[0]["input_maps"],
        "units": {name: UNITS[name] for name in (*INPUT_MAPS, "DVR")},
        **{key: facts[key] for key in ("pet_fwhm_mm", "simulated", "n_patients", "n_controls", "settings")},
        **describe_scans(images, inspections, groups, facts["n_controls"]),
        "software": software_versions(),
        "commit": git_commit(),
    }
    files |= {f"{name}.tsv": table_text(table).encode() for name, table in contents.items()}
    files[README] = bundle_readme(manifest, contents["scores"]).encode()
    if cards[0].get("harmonisation"):  # in the values that the models receive, if there are several sites
        manifest["white_matter"] = model_white_matter(cards)
    manifest["files"] = {name: _stated(content) for name, content in sorted(files.items())}
    content = pack(files | {MANIFEST: json_text(manifest).encode()})
    written = parse_bundle(content, str(output)).manifest  # checks that the written bundle can be read
    write_bytes(output, content)
    print(f"{Path(output).name}: {len(models)} models, {len(content) / 1e6:.1f} MB", flush=True)
    return written


def read_models(
    models: Mapping[tuple[int, str], str | Path], wanted: Sequence[str]
) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """Return the weights and public cards of the models of every fold.

    Parameters
    ----------
    models : dict, (fold, method) -> folder
    wanted : methods needed in each fold

    Returns
    -------
    (dict, list) : name in the bundle -> bytes; the complete cards

    Raises
    ------
    InputError : a model is absent or differs from its card
    """
    files: dict[str, bytes] = {}
    cards = []
    for fold in sorted({fold for fold, _ in models}):
        for method in wanted:
            if (fold, method) not in models:
                raise InputError(
                    f"The model of {method} in fold {fold} is missing: train it, then write the bundle again."
                )
            folder = Path(models[fold, method])
            card, weights = read_model_files(folder)
            check_model(folder / CARD, card, weights, method=method)
            cards.append(card)
            files[model_file(fold, method, WEIGHTS)] = weights
            files[model_file(fold, method, CARD)] = json_text(public_card(card)).encode()
    return files, cards


def public_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model card with the numbers of training and validation scans instead of their names."""
    split = card["split"]
    return {
        **{entry: card[entry] for entry in CARD_ENTRIES if entry in card},
        "split": {part: len(split[part]) for part in ("train", "validation")},
    }


def describe_scans(
    images: Mapping[str, Sequence[str | Path]],
    inspections: Sequence[str | Path],
    groups: Sequence[str],
    n_controls: int,
) -> dict[str, Any]:
    """Describe the training scans for the manifest: grid, healthy white matter, range of the maps.

    Parameters
    ----------
    images : dict, each of `bundle_plan.IMAGES` -> list of paths, one per scan
    inspections : list of paths, JSON of the inspection of each scan
    groups : list of "MS" or "HC", one per scan
    n_controls : number of participants who are controls

    Returns
    -------
    dict : ``voxel_mm`` (median over scans), ``healthy`` (mean and SD of the measured DVR in all white-matter voxels
        of all controls together), ``white_matter`` (the reference to which other sites are harmonised),
        ``training_range``

    Raises
    ------
    InputError : a scan has no white matter, or there are fewer than two measured white-matter voxels in controls
    GeometryError : images of a scan have different grids
    """
    sizes, values, descriptions, controls = [], [np.zeros(0)], [], []
    for place, group in enumerate(groups):
        scan = {key: images[key][place] for key in IMAGES}
        regions = load_volume(scan["regions"], dtype=np.int16)
        check_labels(regions)
        white_matter = regions.data == REGION_CODES["nawm"]
        if not white_matter.any():
            raise InputError(
                f"{regions.path} has no voxel of white matter, so the range of the maps is unknown: check the tissue "
                "segmentation of the scan, or exclude the scan."
            )
        maps = {name: _on_grid(scan[name.lower()], regions).data for name in INPUT_MAPS}
        native = native_voxels(read_json(inspections[place]))
        descriptions.append(describe_maps(maps, white_matter, regions.voxel_size.tolist(), native=native))
        sizes.append(regions.voxel_size)
        if group == "HC":
            values.append(white_matter_values(_on_grid(scan["dvr"], regions), regions))
            controls.append(of_one_scan(str(scan["regions"]), np.stack(list(maps.values())), white_matter))
    pooled = np.concatenate(values)
    if pooled.size < 2:
        raise InputError(
            f"The {list(groups).count('HC')} scans of controls have {pooled.size} white-matter voxels with a DVR, so "
            "healthy white matter is unknown: check their region maps, or add controls."
        )
    return {
        "voxel_mm": np.median(sizes, axis=0).round(4).tolist(),
        "healthy": pooled_reference(pooled) | {"n_controls": n_controls},
        "white_matter": mean_over_scans(controls),
        "training_range": training_range(descriptions, groups),
    }


def licence(*, simulated: bool) -> str:
    """Return a sentence with the terms of use of a bundle."""
    if simulated:
        return "MIT licence, like the software."
    return (
        "The software has the MIT licence. The people who trained these weights set the terms of their use."
    )


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a reproducible zip of some files. Its comment is the checksum of all bytes before it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on every system
            archive.writestr(entry, files[name], compresslevel=9)
        archive.comment = bytes(COMMENT_BYTES)  # its length is part of the checksum
    content = stream.getvalue()[:-COMMENT_BYTES]
    return content + f"sha256:{hashlib.sha256(content).hexdigest()}".encode()


def _on_grid(path: str | Path, regions: Volume) -> Volume:
    """Load a map of a scan and check that it is on the grid of its regions."""
    volume = load_volume(path)
    check_same_grid(regions, volume)
    return volume


def _stated(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
