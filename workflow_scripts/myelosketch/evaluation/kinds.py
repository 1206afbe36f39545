"""Kind of each lesion of a simulated patient, from the truth of the simulation."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from myelosketch.evaluation.mni import to_world
from myelosketch.io.provenance import read_json
from myelosketch.io.tables import read_table
from myelosketch.io.volumes import load_volume


def true_kinds(
    lesion_labels: np.ndarray, affine: np.ndarray, truth: Mapping[str, str | Path]
) -> list[str | None]:
    """Return the kind of the true lesions that fill most of each lesion found on the PET grid.

    Parameters
    ----------
    lesion_labels : integer array (x, y, z), 0 outside, 1 the first lesion
    affine : array (4, 4), of the PET grid
    truth : dict of paths: ``lesions`` (numbers on the anatomy grid), ``lesion_table`` (number and kind) and ``poses``
        (anatomy to PET, RAS mm)

    Returns
    -------
    list of str, one per lesion; None if no true lesion overlaps it
    """
    true = load_volume(truth["lesions"], dtype=np.int32)
    table = read_table(truth["lesion_table"], numeric=("lesion",))
    kind_of = dict(zip(table["lesion"].astype(int), table["kind"], strict=True))
    pose = np.asarray(read_json(truth["poses"])["pet"], float)
    index = np.argwhere(true.data > 0)
    places = to_world(to_world(to_world(index, true.affine), pose), np.linalg.inv(affine))
    voxels = np.round(places).astype(int)
    inside = ((voxels >= 0) & (voxels < lesion_labels.shape)).all(axis=1)
    found = lesion_labels[tuple(voxels[inside].T)]
    kinds = np.array([kind_of[number] for number in true.data[tuple(index[inside].T)]], object)
    count = int(lesion_labels.max(initial=0))
    return [_most_frequent(kinds[found == number]) for number in range(1, count + 1)]


def _most_frequent(values: np.ndarray) -> str | None:
    if not values.size:
        return None
    names, counts = np.unique(values.astype(str), return_counts=True)
    return str(names[counts.argmax()])
