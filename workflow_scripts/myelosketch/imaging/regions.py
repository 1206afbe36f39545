"""The three regions of the refiner's loss and of every score, as one label map on petref."""

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt

from myelosketch.imaging.resampling import resample_fraction
from myelosketch.imaging.tissue import TISSUE_CODES
from myelosketch.names import REGION_CODES
from myelosketch.provenance import provenance
from myelosketch.tables import write_table
from myelosketch.volumes import Volume, check_same_grid, load_volume, save_volume


def make_regions(inputs, outputs, *, threshold, perilesional_mm):
    """Write the label map of one scan and its table of volumes.

    Parameters
    ----------
    inputs : dict of paths: ``tissue``, ``brain``, ``lesion_mask`` (or None), ``petref``, ``xfm_t1w_to_petref``
    outputs : dict of paths: ``regions``, ``regions_table``
    threshold : fraction of a PET voxel that a tissue must fill to own it, 0-1
    perilesional_mm : width of the shell around lesions that counts as "other"; 0 gives the paper's regions
    """
    tissue, brain = load_volume(inputs["tissue"]), load_volume(inputs["brain"])
    check_same_grid(tissue, brain)
    petref = load_volume(inputs["petref"])
    lesion = np.zeros(tissue.shape, np.float32)
    if inputs["lesion_mask"]:
        mask = load_volume(inputs["lesion_mask"])
        check_same_grid(tissue, mask)
        lesion = (mask.data > 0).astype(np.float32)

    def fraction(data):
        moved = resample_fraction(
            Volume(data.astype(np.float32), tissue.affine), petref, [inputs["xfm_t1w_to_petref"]]
        )
        return moved.data

    labels = label_regions(
        brain=fraction(brain.data > 0),
        white=fraction((tissue.data == TISSUE_CODES["white matter"]) | (lesion > 0)),
        lesion=fraction(lesion),
        voxel_size=petref.voxel_size,
        threshold=threshold,
        perilesional_mm=perilesional_mm,
    )
    sources = [path for path in inputs.values() if path]
    parameters = {"threshold": threshold, "perilesional_mm": perilesional_mm}
    sidecar = provenance(sources=sources, parameters=parameters, Labels={"outside": 0, **REGION_CODES})
    save_volume(outputs["regions"], labels, petref.affine, sidecar=sidecar)
    write_table(region_volumes(labels, petref.voxel_volume), outputs["regions_table"])


def label_regions(*, brain, white, lesion, voxel_size, threshold, perilesional_mm):
    """Label each voxel: 0 outside, 1 other, 2 normal-appearing or healthy white matter, 3 lesion.

    Parameters
    ----------
    brain, white, lesion : arrays (x, y, z), fraction of each voxel, 0-1; white includes lesions
    voxel_size : mm, (3,)
    threshold : fraction that owns a voxel
    perilesional_mm : white matter within this distance of a lesion voxel becomes "other" (the PET blur bleeds
        into it; our decision, docs/method.md)

    Returns
    -------
    array of uint8
    """
    labels = np.zeros(brain.shape, np.uint8)
    is_lesion = lesion >= threshold
    labels[brain >= threshold] = REGION_CODES["other"]
    labels[(white >= threshold) & (brain >= threshold)] = REGION_CODES["nawm"]
    if is_lesion.any() and perilesional_mm > 0:
        distance = distance_transform_edt(~is_lesion, sampling=voxel_size)
        shell = (distance <= perilesional_mm + 1e-6) & (labels == REGION_CODES["nawm"])
        labels[shell] = REGION_CODES["other"]
    labels[is_lesion] = REGION_CODES["lesion"]
    return labels


def region_volumes(labels, voxel_volume):
    """Voxels and millilitres per region.

    Returns
    -------
    pandas.DataFrame : ``index``, ``name``, ``n_voxels``, ``volume_ml``
    """
    rows = [
        {"index": code, "name": name, "n_voxels": int((labels == code).sum())}
        for name, code in REGION_CODES.items()
    ]
    table = pd.DataFrame(rows)
    return table.assign(volume_ml=table.n_voxels * voxel_volume / 1000)


def gather_volumes(tables, scans, groups, out):
    """One table of all scans' regions: scan, group, region, n_voxels, volume_ml.

    Parameters
    ----------
    tables : list of paths, one per scan
    scans, groups : lists, in the same order
    out : path
    """
    from myelosketch.tables import read_table

    parts = []
    for path, scan, group in zip(tables, scans, groups, strict=True):
        part = read_table(path, numeric=True).rename(columns={"name": "region"})
        parts.append(part.assign(scan=scan, group=group))
    columns = ["scan", "group", "region", "n_voxels", "volume_ml"]
    write_table(pd.concat(parts, ignore_index=True)[columns], out)
