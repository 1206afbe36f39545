"""What a model bundle is, for people: made from its manifest and scores."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from myelosketch.learning.ladder import TRANSFER
from myelosketch.prediction.bundle_layout import BASELINE

# metrics shown, in words, and their decimals; those of demyelination at the k of the bundle
_SCORES = {
    "lesion_mae": ("error in lesion voxels (mean absolute, DVR)", 3),
    "nawm_mae": ("error in white-matter voxels (mean absolute, DVR)", 3),
    "lesion_bias": ("bias in lesion voxels (DVR; best 0)", 3),
    "lesion_mean_r": ("correlation of lesions' mean DVR with the measured one", 2),
    "pct_abs_error": ("error of a patient's demyelinated percentage (points)", 0),
    "dice": ("Dice of demyelinated voxels", 2),
    "trivial_dice": ("Dice of calling every lesion voxel demyelinated", 2),
    "mcc": ("Matthews correlation of demyelinated voxels (chance 0)", 2),
}
_MAPS = {
    "MTR": "magnetisation transfer ratio",
    "FA": "fractional anisotropy",
    "RD": "radial diffusivity",
    "AD": "axial diffusivity",
}
_UNITS = {"FA": "0–1", "MTR": "percent (0–100)", "RD": "1e-3 mm²/s", "AD": "1e-3 mm²/s"}


def bundle_readme(manifest: Mapping[str, Any], scores: pd.DataFrame) -> str:
    """The page ``README.md`` of a bundle.

    Parameters
    ----------
    manifest : dict, all of it but ``files``
    scores : DataFrame of `bundle_tables.shown_scores`

    Returns
    -------
    str, Markdown
    """
    versions = ", ".join(f"{name} {version}" for name, version in manifest["software"].items())
    commit = f", commit {manifest['commit']}" if manifest.get("commit") else ""
    blocks = [
        "# A model bundle of myelosketch",
        _paragraph(manifest["purpose"]),
        *([_paragraph(_SIMULATED)] if manifest["simulated"] else []),
        "## What it predicts",
        _paragraph(_purpose(manifest)),
        "## Trained on",
        _paragraph(_training(manifest)),
        "## Inputs",
        _input_table(manifest["input_maps"]),
        _paragraph(_other_inputs(manifest)),
        "## How it scored",
        _paragraph(_scoring(manifest, scores)),
        _score_table(manifest, scores),
        "## How to use it",
        _paragraph(
            "Write `new-patients.yaml` in the folder of myelosketch, and a table of the new scans (docs/data.md):"
        ),
        _USE,
        "## What it is not",
        _paragraph(_LIMITS),
        "## Licence and versions",
        _paragraph(manifest["licence"]),
        _paragraph(f"{versions}{commit}."),
    ]
    return "\n\n".join(blocks) + "\n"


_SIMULATED = (
    "**Trained on simulated participants.** It shows how the program works. Its numbers do not hold for real "
    "patients, and its scores are no clinical results."
)
_PRETRAINED = (
    f" The network of {TRANSFER} was pretrained on simulated participants and comes with the software; here only its "
    "level (an offset and a slope) was fitted."
)
_USE = """```yaml
cohort: {source: table, table: new-patients.tsv}
prediction: {model: model.zip}
```

```
snakemake predict --cores 2 --configfile new-patients.yaml
```"""
_LIMITS = (
    "It is for research, not for diagnosis or decisions about treatment. It is no lesion segmentation. It knows the "
    "scanners and people that it was trained on: on others its error may be larger than stated here."
)


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _purpose(manifest: Mapping[str, Any]) -> str:
    healthy, k = manifest["healthy"], manifest["settings"]["k"]
    return (
        "The DVR map (distribution volume ratio) of [11C]PIB PET, a measure of myelin, from MRI alone; the share of "
        "a patient's lesion voxels that are demyelinated; and intervals for both. A lesion voxel counts as "
        f"demyelinated below a DVR of {healthy['mean'] - k * healthy['sd']:.3f}: the mean of healthy white matter, "
        f"{healthy['mean']:.3f}, less {k:g} times its SD, {healthy['sd']:.3f} (measured PET of "
        f"{_people(healthy['n_controls'], 'control')})."
    )


def _training(manifest: Mapping[str, Any]) -> str:
    simulated = ", all simulated" if manifest["simulated"] else ""
    count = len(manifest["folds"])
    return (
        f"{_people(manifest['n_patients'], 'patient')} with multiple sclerosis and "
        f"{_people(manifest['n_controls'], 'healthy control')}{simulated}. They were dealt into {count} parts, and "
        f"for each part the models ({', '.join(manifest['models'])}) were trained on the other participants. The map "
        f"of a new scan is the mean of the {count} maps.{_PRETRAINED if TRANSFER in manifest['models'] else ''}"
    )


def _input_table(inputs: Sequence[str]) -> str:
    rows = [f"| {name} | {_MAPS[name]} | {_UNITS[name]} |" for name in inputs]
    return "\n".join(["| map | what | unit |", "|---|---|---|", *rows])


def _other_inputs(manifest: Mapping[str, Any]) -> str:
    sizes, width = " × ".join(f"{size:g}" for size in manifest["voxel_mm"]), manifest["pet_fwhm_mm"]
    smoothed = f" The maps were smoothed to a resolution of {width:g} mm." if width else ""
    return (
        "Also a T1-weighted image and, for the numbers of lesions, a lesion mask. The model's voxels measure "
        f"{sizes} mm.{smoothed}"
    )


def _scoring(manifest: Mapping[str, Any], scores: pd.DataFrame) -> str:
    said = (
        f"Mean over held-out participants with its {100 * (1 - manifest['settings']['alpha']):g} % interval."
    )
    if BASELINE in set(scores["method"]):
        said += f" `{BASELINE}` is the trivial baseline: the mean map of the controls, whatever the patient's MRI."
    return said


def _people(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"


def _score_table(manifest: Mapping[str, Any], scores: pd.DataFrame) -> str:
    method = manifest["method"]
    methods = [name for name in (method, BASELINE) if name in set(scores["method"])]
    lines = [f"| score | {' | '.join(f'`{name}`' for name in methods)} |", "|---" * (1 + len(methods)) + "|"]
    for metric, (words, digits) in _SCORES.items():
        rows = scores[(scores["metric"] == metric)]
        rows = rows[rows["k"].isna() | (rows["k"] == manifest["settings"]["k"])].set_index("method")
        cells = [_cell(rows.loc[name], digits) if name in rows.index else "n/a" for name in methods]
        if any(cell != "n/a" for cell in cells):
            lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: pd.Series, digits: int) -> str:
    if pd.isna(row["mean"]):
        return "n/a"
    mean, low, high = (f"{row[name]:.{digits}f}" for name in ("mean", "ci_low", "ci_high"))
    interval = "" if pd.isna(row["ci_low"]) else f" [{low}, {high}]"
    return f"{mean}{interval} (n = {row['n']:.0f})"
