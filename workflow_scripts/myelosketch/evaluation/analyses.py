"""All analyses of the gathered scores: means, coverage, claims, agreement, comparisons and sensitivity."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from myelosketch.evaluation.claims import claim_statistics
from myelosketch.evaluation.comparisons import write_comparisons
from myelosketch.evaluation.coverage import write_coverage
from myelosketch.evaluation.lesion_agreement import write_agreement
from myelosketch.evaluation.residuals import SOURCES
from myelosketch.evaluation.sensitivity import summarise_sensitivity
from myelosketch.evaluation.summary import summarise


def analyse_scores(
    paths: Mapping[str, str | Path],
    outputs: Mapping[str, str | Path],
    *,
    methods: Sequence[str],
    ceilings: Sequence[str],
    k: float,
    margin: float,
    borders: Sequence[float],
    sizes: Sequence[float],
    bootstrap: int,
    alpha: float,
    seed: int,
) -> None:
    """Write the tables that summarise the scores of all scans.

    Parameters
    ----------
    paths : dict, name of a gathered table -> TSV; for external sites also ``internal_regions``, ``internal_lesions``
        and ``internal_demyelination`` of the cross-validation, on which intervals are calibrated, or
        ``internal_residuals``, the held-out residuals of a model's training
    outputs : dict, ``summary``, ``sidecar`` and ``coverage``, and for a cross-validation also ``statistics``,
        ``claims``, ``lesion_agreement``, ``patient_agreement``, ``comparisons``, ``ranks``, ``sensitivity`` -> path
    methods, ceilings : lists of str, in the order of the rows. Claims and comparisons cover methods only
    k : float, threshold is mean - k SD of healthy white matter
    margin : float, DVR, of the equivalence test
    borders : list of float, mm3, between the size classes of lesions
    sizes : list of float, mm3, minimum lesion volumes of the sensitivity analysis
    bootstrap : int, resamples over subjects; alpha : float; seed : int
    """

    def tables(*names: str) -> dict[str, str | Path]:
        return {name: paths[name] for name in names}

    shared: dict[str, Any] = {"bootstrap": bootstrap, "alpha": alpha, "seed": seed}
    scored = {"methods": [*methods, *ceilings], **shared}
    compared = {"methods": methods, "k": k, **shared}
    summarise(
        tables("voxelwise", "demyelination", "lesions"), outputs["summary"], outputs["sidecar"], k=k, **scored
    )
    internal = {name: paths[f"internal_{name}"] for name in SOURCES if f"internal_{name}" in paths}
    known = paths.get("internal_residuals")
    write_coverage(tables(*SOURCES), outputs["coverage"], internal=internal, residuals=known, **compared)
    if "claims" not in outputs:  # external sites: too few participants for more
        return
    claim_statistics(
        tables("regions", "voxelwise", "demyelination"),
        outputs["statistics"],
        outputs["claims"],
        margin=margin,
        **compared,
    )
    write_comparisons(tables("voxelwise", "demyelination"), outputs, **compared)
    write_agreement(tables("lesions", "demyelination", "regions"), outputs, borders=borders, k=k, **scored)
    summarise_sensitivity(
        tables("demyelination", "variants", "regions", "all_lesions"),
        outputs["sensitivity"],
        sizes=sizes,
        **scored,
    )
