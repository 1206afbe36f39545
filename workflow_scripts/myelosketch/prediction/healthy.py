"""Healthy white matter and held-out errors of a model bundle, written as the files that scoring reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from myelosketch.cohort.folds import EXTERNAL_FOLD
from myelosketch.evaluation.reference import GRID_AFFINE, GRID_SHAPE
from myelosketch.io.provenance import provenance, write_json
from myelosketch.io.tables import write_table
from myelosketch.io.volumes import save_volume
from myelosketch.prediction.bundle import read_bundle

NOTE = "from the model bundle, which contains only the pooled reference, not a map"


def take_reference(model: str | Path, outputs: Mapping[str, str | Path]) -> None:
    """Write the healthy reference of a bundle as `evaluation.demyelination.fit_threshold` writes that of a fold.

    Parameters
    ----------
    model : path of the bundle
    outputs : dict of paths: ``threshold``; ``reference_mean`` and ``reference_sd``, maps with the pooled values at
        every voxel; and ``residuals``, the table of held-out residuals of the training
    """
    bundle = read_bundle(model)
    healthy = bundle.manifest["healthy"]
    write_table(bundle.table("residuals"), outputs["residuals"])
    content = {key: healthy[key] for key in ("mean", "sd", "n_voxels")}
    shared: dict[str, Any] = {"sources": [model], "parameters": {}}
    write_json(
        outputs["threshold"],
        provenance(**shared, fold=EXTERNAL_FOLD, controls=[], note=NOTE, **content),
    )
    for key, value in (("reference_mean", healthy["mean"]), ("reference_sd", healthy["sd"])):
        note = provenance(**shared, Space="MNI152", Units="1", Fold=EXTERNAL_FOLD, KnownVoxels=0)
        save_volume(outputs[key], np.full(GRID_SHAPE, value, np.float32), GRID_AFFINE, sidecar=note)
