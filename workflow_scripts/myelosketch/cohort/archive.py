"""A copy of a run's results without the images of its cohort: its cohort, and the settings that take effect."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from myelosketch.cohort.finished_run import FILES, FinishedRun, read_run
from myelosketch.cohort.plan import Cohort, plan_cohort
from myelosketch.errors import InputError

SETTING = "reporting.archive"
# every setting has the run's value in a copy, except these sections: what is redone, and where it is written
_REDONE = ("evaluation", "reporting", "pathvars")
# settings behind the run's healthy white matter and label maps
_KEPT = ("evaluation.reference_fwhm_mm", "evaluation.atlases")
# differences in these are not reported
_SILENT = (SETTING, "pathvars")
_COPY = "copy the whole results folder of the finished run, or remove the line"


def read_archive(results: str) -> FinishedRun:
    """Read the cohort and the configuration that the results of a run record.

    Parameters
    ----------
    results : str, folder of the results

    Returns
    -------
    FinishedRun

    Raises
    ------
    InputError : it is not a copy of a cross-validated run
    """
    absent = [name for name in FILES if not Path(results, "cohort", name).is_file()]
    if absent:
        raise InputError(
            f"{SETTING} is true, but {results}/cohort/{absent[0]}, in which a run records its cohort, cannot be "
            f"found: {_COPY}."
        )
    run = read_run(results)
    if run.config.get("prediction", {}).get("model"):
        raise InputError(
            f"{SETTING} is true, but {results} holds predictions of new scans by a trained model, which are made "
            "from their images: remove the line, and run snakemake predict where the images are."
        )
    return run


def settings_of_archive(config: Mapping[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that take effect in a copy: those of the run, except for what is redone.

    Parameters
    ----------
    config : dict, complete; only its ``evaluation``, ``reporting`` and ``pathvars`` take effect
    recorded : dict, the configuration of the run; one of an older version may lack keys

    Returns
    -------
    dict, independent of both

    Raises
    ------
    InputError : a requested method was not trained in the run
    """
    if config["prediction"]["model"]:
        raise InputError(
            f"{SETTING} and prediction.model exclude each other: new scans are predicted from their images; take one "
            "of the two away."
        )
    trained = recorded["training"]["methods"]
    shown = config["reporting"]["method"]
    asked = {f"training.methods names {name}": name for name in config["training"]["methods"]}
    if shown != recorded["reporting"]["method"]:
        asked[f"reporting.method is {shown}"] = shown
    for words, name in asked.items():
        if name not in trained:
            raise InputError(
                f"{words}, which this run has not trained, and a copy without images ({SETTING}: true) trains "
                f"nothing: choose from {', '.join(trained)}, or run it where the images are."
            )
    settings = deepcopy({**recorded, **{section: config[section] for section in _REDONE}})
    for key in _KEPT:
        section, name = key.split(".")
        settings[section][name] = deepcopy(recorded[section].get(name, config[section][name]))
    return settings


def changed_settings(
    config: Mapping[str, Any], settings: Mapping[str, Any], recorded: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """Return the settings that differ from the run's, in words.

    Parameters
    ----------
    config : dict, complete, as the user wrote it
    settings : dict of `settings_of_archive`
    recorded : dict, the configuration of the run, with defaults filled in

    Returns
    -------
    in_force : list of ``key (run: value; here: value)``, those that take effect
    without_effect : the same for those that do not
    """
    own, run = (dict(_leaves(part)) for part in (config, recorded))
    now = dict(_leaves(settings))
    in_force: list[str] = []
    without_effect: list[str] = []
    for key in sorted(own.keys() | run.keys()):
        if own.get(key) == run.get(key) or key.startswith(_SILENT):
            continue
        words = f"{key} (run: {_show(run.get(key))}; here: {_show(own.get(key))})"
        (in_force if now.get(key) == own.get(key) else without_effect).append(words)
    return in_force, without_effect


def archive_sentences(in_force: Iterable[str], without_effect: Iterable[str]) -> list[str]:
    """Return sentences about `changed_settings`, list of str; empty if nothing is changed."""
    named = {
        "Settings that differ from the run's": list(in_force),
        f"Settings without effect in a copy without images ({SETTING}: true), which keeps the maps, the models and "
        "the predictions of the run": list(without_effect),
    }
    return [f"{words}: {', '.join(keys)}." for words, keys in named.items() if keys]


def check_archive(paths: Iterable[str | Path]) -> None:
    """Check that a copy has the files that are read from it.

    Parameters
    ----------
    paths : files of the run that no rule makes in a copy

    Raises
    ------
    InputError : naming the first absent file and how many more there are
    """
    absent = [path for path in dict.fromkeys(map(str, paths)) if not Path(path).is_file()]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InputError(
            f"{absent[0]}{more} of the run cannot be found, and a copy without images ({SETTING}: true) cannot make "
            f"{'them' if more else 'it'}: copy the whole results folder of a run that this version of the workflow "
            "has finished."
        )


def not_from_archive(target: str, needs: str) -> str:
    """Return why a target cannot be made from a copy without images.

    Parameters
    ----------
    target : str, as in ``snakemake target``
    needs : ``images`` or ``training``

    Returns
    -------
    str, a sentence
    """
    why = {
        "images": "the images of the cohort, which are not available here",
        "training": "the trained models, and nothing is trained here",
    }[needs]
    return (
        f"snakemake {target} needs {why} ({SETTING}: true): run it where the run was made. Redone here are "
        "evaluation, figures, change, standard_space, and all with the report."
    )


def plan_or_archive(
    config: Mapping[str, Any],
    recorded: Cohort | None,
    *,
    results: str,
    simulated: Sequence[Mapping[str, Any]],
    external_sites: Iterable[str],
    warn: Callable[[str], object],
) -> Cohort:
    """Return the cohort of a run: as its results record it, or planned from the configuration and the cohort's table.

    Parameters
    ----------
    config, simulated, external_sites, warn : as of `plan_cohort`
    recorded : Cohort of `read_archive`; None if the images are available
    results : str, folder of the results

    Returns
    -------
    Cohort

    Raises
    ------
    InputError : as for `plan_cohort`; if a run is here without its images, with the command that redoes its figures
    """
    if recorded is not None:
        return recorded
    try:
        return plan_cohort(
            config,
            simulated=simulated,
            external_sites=external_sites,
            warn=warn,
            found_path=f"{results}/cohort/found.tsv",
        )
    except InputError as error:
        raise InputError(f"{error}{archive_hint(results)}") from None


def archive_hint(results: str) -> str:
    """Return advice for a run whose cohort cannot be planned; blank unless the results record one without its images.

    Parameters
    ----------
    results : str, folder of the results

    Returns
    -------
    str, a sentence on a line of its own, or blank
    """
    try:
        rows = read_run(results).cohort.rows.values()
        gone = bool(rows) and not any(row["T1w"] and Path(row["T1w"]).exists() for row in rows)
    except (InputError, OSError, KeyError, ValueError):  # the original error matters more
        gone = False
    if not gone:
        return ""
    return (
        f"\n{results} holds a finished run, whose images are not on this machine. To redo its figures and tables "
        "without them, write the line reporting: {archive: true} into a file archive.yaml, with the settings that "
        f"you change, and run: snakemake figures --cores 1 --configfile {results}/cohort/config.json archive.yaml"
    )


def _leaves(part: Mapping[str, Any], parent: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of each setting."""
    for name, value in part.items():
        key = f"{parent}.{name}" if parent else str(name)
        if isinstance(value, Mapping):
            yield from _leaves(value, key)
        else:
            yield key, value


def _show(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
