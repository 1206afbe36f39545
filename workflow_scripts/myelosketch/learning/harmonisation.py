"""Several scanners: a site's maps brought to a model's by the white matter of its own healthy controls (ours)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS, REGION_CODES
from myelosketch.io.volumes import check_same_grid, load_volume
from myelosketch.learning.checks import check_controls_of_sites
from myelosketch.learning.data import Maps, TrainingScan, load_maps

# map -> mean, sd and n_controls of its white matter
WhiteMatter = dict[str, dict[str, float]]

SD_PER_MAD = 1.4826
# with fewer the level of MTR is known no better than it differs between scanners (docs/method.md)
ENOUGH_CONTROLS = 3


def white_matter_statistics(controls: Iterable[TrainingScan]) -> WhiteMatter:
    """Level and spread of each map in the white matter of healthy controls.

    Parameters
    ----------
    controls : TrainingScan of healthy controls, one or more

    Returns
    -------
    dict, map -> dict: ``mean`` over controls of the median of their white matter, ``sd`` mean over controls of its
    robust standard deviation (1.4826 times the median absolute deviation), both in the map's unit, ``n_controls``

    Raises
    ------
    InputError : no control, or one without white matter or with a map that has one value in all of it
    """
    return _mean_over(
        _of_one(scan.name, scan.maps, scan.support & (scan.regions == REGION_CODES["nawm"]))
        for scan in controls
    )


def site_statistics_of_files(controls: Mapping[str, Mapping[str, str | Path]]) -> WhiteMatter:
    """The same from files on petref.

    Parameters
    ----------
    controls : dict, scan -> dict of paths: mtr, fa, rd, ad, regions

    Returns
    -------
    dict, see `white_matter_statistics`

    Raises
    ------
    GeometryError : images of a scan on different grids
    InputError : as `white_matter_statistics` and `data.load_maps`
    """

    def read(scan: str, files: Mapping[str, str | Path]) -> np.ndarray:
        maps, regions = load_maps(files), load_volume(files["regions"], dtype=np.uint8)
        check_same_grid(load_volume(files["mtr"]), regions)
        return _of_one(scan, maps.data, maps.support & (regions.data == REGION_CODES["nawm"]))

    return _mean_over(read(scan, files) for scan, files in controls.items())


def harmonise(
    maps: np.ndarray,
    support: np.ndarray,
    site: Mapping[str, Mapping[str, float]],
    model: Mapping[str, Mapping[str, float]],
) -> np.ndarray:
    """Maps with the mean and SD of the model's healthy white matter instead of the site's.

    Parameters
    ----------
    maps : array (4, x, y, z) in the order of `INPUT_MAPS`, in their units
    support : bool array (x, y, z); other voxels stay as they are
    site, model : dict, map -> dict with ``mean`` and ``sd``, of `white_matter_statistics`

    Returns
    -------
    float32 array (4, x, y, z)
    """
    result = maps.astype(np.float32)
    for image, name in zip(result, INPUT_MAPS, strict=True):
        slope = model[name]["sd"] / site[name]["sd"]
        offset = model[name]["mean"] - slope * site[name]["mean"]  # 0 where both are the same
        image[support] = slope * image[support] + offset
    return result


def harmonise_training(
    scans: Sequence[TrainingScan],
    controls: Iterable[str],
    sites: Mapping[str, str],
    *,
    setting: str,
    fold: int | None = None,
) -> tuple[list[TrainingScan], dict[str, Any]]:
    """The training scans of a fold as a model sees them, and what its card says of it.

    Parameters
    ----------
    scans : list of TrainingScan; nothing else is read
    controls : names of the healthy controls among them
    sites : dict, scan -> site; "" where the cohort's table has none; read with the setting controls
    setting : none or controls (training.harmonise)
    fold : number, for the message

    Returns
    -------
    (list of TrainingScan, dict) : the card's entries ``harmonisation``, None or ``reference`` (the mean over sites)
    and ``sites``, and ``white_matter`` of all controls as the model sees them, None without a control

    Raises
    ------
    InputError : a site without a control
    """
    healthy = set(controls)
    entry = None
    if setting == "controls":
        names = [scan.name for scan in scans]
        check_controls_of_sites(names, healthy, sites, fold=fold)
        of_site = {
            site: white_matter_statistics(
                scan for scan in scans if scan.name in healthy and sites[scan.name] == site
            )
            for site in sorted({sites[name] for name in names})
        }
        reference = _mean_of(of_site.values())
        for site, found in of_site.items():
            warn_of_few_controls(site, int(found["MTR"]["n_controls"]))
        scans = [
            replace(scan, maps=harmonise(scan.maps, scan.support, of_site[sites[scan.name]], reference))
            for scan in scans
        ]
        entry = {"reference": reference, "sites": of_site}
    of_controls = [scan for scan in scans if scan.name in healthy]
    white_matter = white_matter_statistics(of_controls) if of_controls else None
    return list(scans), {"harmonisation": entry, "white_matter": white_matter}


def as_the_model_knows(maps: Maps, card: Mapping[str, Any], site: str | None) -> Maps:
    """Maps of a scan that a model was not trained on, harmonised as its training scans of the same site were.

    Parameters
    ----------
    maps : Maps
    card : dict, of the model
    site : of the scan; None is "", a table without sites

    Returns
    -------
    Maps : unchanged, and a sentence printed, where the card does not know the site
    """
    known = card.get("harmonisation")
    if not known:
        return maps
    if (site or "") not in known["sites"]:
        print(unknown_site_sentence(site), flush=True)
        return maps
    changed = harmonise(maps.data, maps.support, known["sites"][site or ""], known["reference"])
    return replace(maps, data=changed)


def model_white_matter(cards: Iterable[Mapping[str, Any]]) -> WhiteMatter:
    """Healthy white matter of a run, what another site's maps are brought to: mean over the cards of its folds.

    Parameters
    ----------
    cards : dicts of the models of all folds, one method

    Returns
    -------
    dict, map -> dict: ``mean``, ``sd``, ``n_controls`` (of the fold with the fewest)

    Raises
    ------
    InputError : a card without the entry, of a model that was trained without controls
    """
    found = [card.get("white_matter") for card in cards]
    if not found or not all(found):
        raise InputError(
            "a model card has no entry white_matter, so no site can be harmonised to it: train it again with healthy "
            "controls, or set prediction.harmonise: none."
        )
    return _mean_of([entry for entry in found if entry])


def few_controls_sentence(site: str, n_controls: int) -> str | None:
    """The warning about a site with few controls, or None where there are enough."""
    if n_controls >= ENOUGH_CONTROLS:
        return None
    count = "1 healthy control" if n_controls == 1 else f"{n_controls} healthy controls"
    return (
        f"{_named(site)} has {count}; from fewer than {ENOUGH_CONTROLS} its white matter is known no better than it "
        "differs between scanners: give more controls, or do not harmonise."
    )


def warn_of_few_controls(site: str, n_controls: int) -> None:
    """Print `few_controls_sentence` where there is one."""
    sentence = few_controls_sentence(site, n_controls)
    if sentence:
        print(sentence, flush=True)


def unknown_site_sentence(site: str | None) -> str:
    """The warning about a scan whose site no control has told of."""
    return (
        f"{_named(site or '')} has no healthy control that the model knows, so the maps are not harmonised: "
        "predictions may be too high or too low throughout."
    )


def _named(site: str) -> str:
    return f"Site {site}" if site else "The site without a name"


def _of_one(name: str, maps: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Median and robust SD (2, 4) of the maps in the white matter of one control."""
    if not white.any():
        raise InputError(
            f"{name} has no voxel of white matter, so it says nothing of its site: leave it out."
        )
    values = maps[:, white].astype(np.float64)
    level = np.median(values, axis=1)
    spread = SD_PER_MAD * np.median(np.abs(values - level[:, None]), axis=1)
    for image, sd in zip(INPUT_MAPS, spread, strict=True):
        if not sd > 0:
            raise InputError(f"{image} of {name} has one value in most of the white matter: check the map.")
    return np.stack([level, spread])


def _mean_over(controls: Iterable[np.ndarray]) -> WhiteMatter:
    found = list(controls)
    if not found:
        raise InputError("there is no healthy control whose white matter could be measured: give controls.")
    mean, sd = np.mean(found, axis=0).tolist()
    return {
        name: {"mean": mean[index], "sd": sd[index], "n_controls": len(found)}
        for index, name in enumerate(INPUT_MAPS)
    }


def _mean_of(statistics: Iterable[WhiteMatter]) -> WhiteMatter:
    """Mean of several; ``n_controls`` is the fewest."""
    several = list(statistics)
    return {
        name: {
            "mean": float(np.mean([one[name]["mean"] for one in several])),
            "sd": float(np.mean([one[name]["sd"] for one in several])),
            "n_controls": min(one[name]["n_controls"] for one in several),
        }
        for name in INPUT_MAPS
    }
