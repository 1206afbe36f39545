"""Harmonisation of sites: maps of a site are matched to a model by the white matter of its controls (our method)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.errors import InputError
from myelosketch.io.names import INPUT_MAPS, REGION_CODES
from myelosketch.io.provenance import provenance, write_json
from myelosketch.io.volumes import check_same_grid, load_volume
from myelosketch.learning.checks import check_controls_of_sites
from myelosketch.learning.data import Maps, TrainingScan, load_maps

# map -> mean, sd and n_controls of its white matter
WhiteMatter = dict[str, dict[str, float]]

SD_PER_MAD = 1.4826
# with fewer controls, the error of the MTR level is as large as its difference between scanners (docs/method.md)
ENOUGH_CONTROLS = 3


def white_matter_statistics(controls: Iterable[TrainingScan]) -> WhiteMatter:
    """Return the level and spread of each map in the white matter of healthy controls.

    Parameters
    ----------
    controls : TrainingScan of at least one healthy control

    Returns
    -------
    dict, map -> dict: ``mean`` over controls of the median of their white matter, ``sd`` mean over controls of its
    robust standard deviation (1.4826 times the median absolute deviation), both in the map's unit, ``n_controls``

    Raises
    ------
    InputError : there is no control, or one has no white matter or a map that is constant in white matter
    """
    return mean_over_scans(
        of_one_scan(scan.name, scan.maps, scan.support & (scan.regions == REGION_CODES["nawm"]))
        for scan in controls
    )


def site_statistics_of_files(controls: Mapping[str, Mapping[str, str | Path]]) -> WhiteMatter:
    """Return the level and spread of each map from files on petref.

    Parameters
    ----------
    controls : dict, scan -> dict of paths: mtr, fa, rd, ad, regions

    Returns
    -------
    dict, see `white_matter_statistics`

    Raises
    ------
    GeometryError : images of a scan have different grids
    InputError : as in `white_matter_statistics` and `data.load_maps`
    """

    def read(scan: str, files: Mapping[str, str | Path]) -> np.ndarray:
        maps, regions = load_maps(files), load_volume(files["regions"], dtype=np.uint8)
        check_same_grid(load_volume(files["mtr"]), regions)
        return of_one_scan(scan, maps.data, maps.support & (regions.data == REGION_CODES["nawm"]))

    return mean_over_scans(read(scan, files) for scan, files in controls.items())


def write_site_statistics(
    controls: Mapping[str, Sequence[str | Path]], output: str | Path, *, site: str
) -> dict[str, Any]:
    """Write the white-matter statistics of the healthy controls of a site of new scans.

    Parameters
    ----------
    controls : dict of lists of paths, one per control: mtr, fa, rd, ad, regions; empty lists for a site without any
    output : path of the JSON: ``site``, ``maps`` (`site_statistics_of_files`; None without a control) and ``note``
    site : name for the messages; "" for scans without a named site

    Returns
    -------
    dict : the content
    """
    kinds = [*(name.lower() for name in INPUT_MAPS), "regions"]
    scans = list(zip(*(controls.get(kind, []) for kind in kinds), strict=True))
    if not scans:
        content: dict[str, Any] = {"site": site, "maps": None, "note": unknown_site_sentence(site)}
    else:
        files = {str(paths[0]): dict(zip(kinds, paths, strict=True)) for paths in scans}
        few = few_controls_sentence(site, len(scans))
        count = "1 healthy control" if len(scans) == 1 else f"{len(scans)} healthy controls"
        note = f"Maps were harmonised with the model by the white matter of {count} of this site."
        content = {
            "site": site,
            "maps": site_statistics_of_files(files),
            "note": f"{note} {few}" if few else note,
        }
    print(content["note"], flush=True)
    write_json(output, provenance(sources=[path for paths in scans for path in paths], **content))
    return content


def harmonise(
    maps: np.ndarray,
    support: np.ndarray,
    site: Mapping[str, Mapping[str, float]],
    model: Mapping[str, Mapping[str, float]],
) -> np.ndarray:
    """Return maps with the mean and SD of the model's healthy white matter instead of the site's.

    Parameters
    ----------
    maps : array (4, x, y, z) in the order of `INPUT_MAPS`, in their units
    support : bool array (x, y, z). Other voxels do not change, nor do those where a map is 0, which is no value
    site, model : dict, map -> dict with ``mean`` and ``sd``, of `white_matter_statistics`

    Returns
    -------
    float32 array (4, x, y, z)
    """
    result = maps.astype(np.float32)
    for image, name in zip(result, INPUT_MAPS, strict=True):
        slope = model[name]["sd"] / site[name]["sd"]
        offset = model[name]["mean"] - slope * site[name]["mean"]  # 0 if both are equal
        known = support & (image != 0)
        image[known] = slope * image[known] + offset
    return result


def harmonise_training(
    scans: Sequence[TrainingScan],
    controls: Iterable[str],
    sites: Mapping[str, str],
    *,
    setting: str,
    fold: int | None = None,
) -> tuple[list[TrainingScan], dict[str, Any]]:
    """Return the harmonised training scans of a fold and the entries for the model card.

    Parameters
    ----------
    scans : list of TrainingScan; no other scan is read
    controls : names of the healthy controls among them
    sites : dict, scan -> site; "" without a site in the cohort table; used with the setting controls
    setting : none or controls (training.harmonise)
    fold : number, for the message

    Returns
    -------
    (list of TrainingScan, dict) : the card's entries ``harmonisation``, None or ``reference`` (the mean over sites)
    and ``sites``, and ``white_matter`` of all harmonised controls, None without a control

    Raises
    ------
    InputError : a site has no control
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
    """Harmonise the maps of a new scan like the training scans of the same site.

    Parameters
    ----------
    maps : Maps
    card : dict, of the model
    site : of the scan; None means "", a table without sites

    Returns
    -------
    Maps : unchanged, with a printed message, if the site is not in the card
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
    """Return the healthy white matter of a run, the reference for other sites: mean over the cards of its folds.

    Parameters
    ----------
    cards : dicts of the models of all folds, one method

    Returns
    -------
    dict, map -> dict: ``mean``, ``sd``, ``n_controls`` (of the fold with the fewest)

    Raises
    ------
    InputError : a card lacks the entry, because the model was trained without controls
    """
    found = [card.get("white_matter") for card in cards]
    if not found or not all(found):
        raise InputError(
            "a model card has no entry white_matter, so no site can be harmonised to it: train it again with healthy "
            "controls, or set prediction.harmonise: none."
        )
    return _mean_of([entry for entry in found if entry])


def few_controls_sentence(site: str, n_controls: int) -> str | None:
    """Return the warning about a site with few controls, or None if there are enough."""
    if n_controls >= ENOUGH_CONTROLS:
        return None
    count = "1 healthy control" if n_controls == 1 else f"{n_controls} healthy controls"
    return (
        f"{_named(site)} has {count}; with fewer than {ENOUGH_CONTROLS} the error of its white matter is as large as "
        "the difference between scanners: add controls, or do not harmonise."
    )


def warn_of_few_controls(site: str, n_controls: int) -> None:
    """Print `few_controls_sentence` if there is one."""
    sentence = few_controls_sentence(site, n_controls)
    if sentence:
        print(sentence, flush=True)


def unknown_site_sentence(site: str | None) -> str:
    """Return the warning about a scan from a site without controls."""
    return (
        f"{_named(site or '')} has no healthy control in the model, so the maps are not harmonised: "
        "all predictions may be too high or too low."
    )


def _named(site: str) -> str:
    return f"Site {site}" if site else "The site without a name"


def of_one_scan(name: str, maps: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Return the level and spread of the maps in the white matter of one control.

    Parameters
    ----------
    name : of the scan, for messages
    maps : array (4, x, y, z) in the order of `INPUT_MAPS`
    white : bool array (x, y, z)

    Returns
    -------
    array (2, 4) : median, and robust standard deviation

    Raises
    ------
    InputError : there is no white matter, or a map has one value in most of it
    """
    if not white.any():
        raise InputError(
            f"{name} has no voxel of white matter, so it cannot be used to harmonise its site: exclude it."
        )
    values = maps[:, white].astype(np.float64)
    level = np.median(values, axis=1)
    spread = SD_PER_MAD * np.median(np.abs(values - level[:, None]), axis=1)
    for image, sd in zip(INPUT_MAPS, spread, strict=True):
        if not sd > 0:
            raise InputError(f"{image} of {name} has one value in most of the white matter: check the map.")
    return np.stack([level, spread])


def mean_over_scans(controls: Iterable[np.ndarray]) -> WhiteMatter:
    """Combine the statistics of several controls, each of `of_one_scan`; see `white_matter_statistics`."""
    found = list(controls)
    if not found:
        raise InputError("there is no healthy control with measurable white matter: add controls.")
    mean, sd = np.mean(found, axis=0).tolist()
    return {
        name: {"mean": mean[index], "sd": sd[index], "n_controls": len(found)}
        for index, name in enumerate(INPUT_MAPS)
    }


def _mean_of(statistics: Iterable[WhiteMatter]) -> WhiteMatter:
    """Return the mean of several statistics. ``n_controls`` is the smallest number."""
    several = list(statistics)
    return {
        name: {
            "mean": float(np.mean([one[name]["mean"] for one in several])),
            "sd": float(np.mean([one[name]["sd"] for one in several])),
            "n_controls": min(one[name]["n_controls"] for one in several),
        }
        for name in INPUT_MAPS
    }
