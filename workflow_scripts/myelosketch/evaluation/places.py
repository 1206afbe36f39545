"""Location of a lesion: infratentorial, periventricular, juxtacortical or deep (our definition).

The paper defines no locations. A lesion is infratentorial if most of its voxels are in the cerebellum or the brain
stem of the template. Otherwise it is periventricular if it is within a set distance of the lateral ventricles,
juxtacortical if it is within a set distance of the cortex, and deep if neither holds. Distances are measured in the
scan, between the surfaces of voxels; 0 means touching. Ventricles are the CSF of the scan in or near the lateral
ventricles of the template. Cortex is the grey matter of the scan away from ventricles and deep nuclei.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from myelosketch.evaluation.mni import petref_to_mni, resample, to_world
from myelosketch.io.provenance import provenance
from myelosketch.io.volumes import load_volume, save_volume

PLACES = ("periventricular", "deep", "juxtacortical", "infratentorial")
# labels of the template's map
CODES = {"ventricles": 1, "near ventricles": 2, "deep nuclei": 3, "infratentorial": 4}
# ventricles widen in MS, and an affine registration leaves an error of some millimetres
NEAR_VENTRICLES_MM = 8.0
AROUND_NUCLEI_MM = 4.0
# partial volume of ventricle and white matter appears as a rim of grey matter in the segmentation
NO_CORTEX_NEAR_VENTRICLES_MM = 8.0
TISSUE_THRESHOLD = 0.5
STEP = 2  # the 1 mm template is stored at 2 mm

# The tentorium in MNI152, measured on the template: height of its ridge in the midline at y, and its slope to the
# sides in mm per mm. Below it and behind y = -33 is cerebellum. The box is the brain stem.
TENTORIUM_Y = (-100.0, -75.0, -55.0, -40.0)
TENTORIUM_Z = (-25.0, -13.0, 4.0, -4.0)
TENTORIUM_FALL = (0.15, 0.2, 0.6, 0.6)
CEREBELLUM_BEHIND_Y = -33.0
BRAIN_STEM: dict[str, Any] = {"half_width": 17.0, "y": (-42.0, -8.0), "below_z": -10.0}


def infratentorial(points: Sequence[np.ndarray]) -> np.ndarray:
    """Return whether points of MNI152 space are in the region of cerebellum and brain stem.

    Parameters
    ----------
    points : three arrays x, y, z, mm, of shapes that broadcast

    Returns
    -------
    array of bool
    """
    x, y, z = points
    side = np.abs(x)
    ridge = np.interp(y, TENTORIUM_Y, TENTORIUM_Z) - side * np.interp(y, TENTORIUM_Y, TENTORIUM_FALL)
    front, back = BRAIN_STEM["y"][1], BRAIN_STEM["y"][0]
    stem = (side <= BRAIN_STEM["half_width"]) & (y >= back) & (y <= front) & (z <= BRAIN_STEM["below_z"])
    return ((y < CEREBELLUM_BEHIND_Y) & (z < ridge)) | stem


def make_place_map(output: str | Path) -> None:
    """Write the template's map of :data:`CODES` in MNI152 space, 2 mm voxels.

    Parameters
    ----------
    output : path, ``.nii.gz``
    """
    from myelosketch.simulation.template import template  # imports nilearn, which takes seconds

    maps, affine = template()
    thinned = {name: maps[name][::STEP, ::STEP, ::STEP] for name in ("ventricle", "wall", "deep")}
    affine = affine @ np.diag([STEP, STEP, STEP, 1.0])
    shape = thinned["wall"].shape
    axes = [affine[i, 3] + STEP * index for i, index in enumerate(np.ogrid[tuple(map(slice, shape))])]
    nuclei = ndimage.distance_transform_edt(thinned["deep"] < 0.1, STEP) <= AROUND_NUCLEI_MM
    labels = np.zeros(shape, np.uint8)
    labels[nuclei] = CODES["deep nuclei"]
    labels[thinned["wall"] <= NEAR_VENTRICLES_MM] = CODES["near ventricles"]
    labels[thinned["ventricle"] > 0] = CODES["ventricles"]
    labels[infratentorial(axes)] = CODES["infratentorial"]
    parameters = {"near_ventricles_mm": NEAR_VENTRICLES_MM, "around_nuclei_mm": AROUND_NUCLEI_MM}
    sidecar = provenance(sources=[], parameters=parameters, Labels={"none": 0, **CODES}, Space="MNI152")
    save_volume(output, labels, affine, sidecar=sidecar)


class ScanPlaces:
    """Locate ventricles, cortex and infratentorial region of one scan, on its PET grid.

    Parameters
    ----------
    fractions : dict of arrays (x, y, z), 0-1, with ``csf`` and ``grey``
    labels : integer array (x, y, z), :data:`CODES`, of the template on the same grid
    affine : array (4, 4)
    """

    def __init__(self, fractions: Mapping[str, np.ndarray], labels: np.ndarray, affine: np.ndarray) -> None:
        self.affine = affine
        # the centres of touching voxels are one voxel apart
        self.voxel = float(abs(np.linalg.det(affine[:3, :3])) ** (1 / 3))
        self.infratentorial = labels == CODES["infratentorial"]
        template = labels == CODES["ventricles"]
        csf = fractions["csf"] >= TISSUE_THRESHOLD
        found = csf & (template | (labels == CODES["near ventricles"]))
        self.ventricles = found if (found & template).any() else template
        cortex = (fractions["grey"] >= TISSUE_THRESHOLD) & ~self.infratentorial
        cortex &= (labels == 0) & (self._gap(cortex, self.ventricles) > NO_CORTEX_NEAR_VENTRICLES_MM)
        self.cortex = cortex

    @classmethod
    def of_scan(
        cls, fractions: Mapping[str, np.ndarray], affine: np.ndarray, files: Mapping[str, str | Path]
    ) -> Self:
        """Create the object from files, with the map of the template resampled to the scan.

        Parameters
        ----------
        fractions, affine : as above
        files : dict of paths ``places``, ``xfm_t1w_to_petref`` and ``xfm_t1w_to_mni``
        """
        template = load_volume(files["places"], dtype="uint8")
        shape = fractions["csf"].shape
        return cls(fractions, resample(template, shape, affine, petref_to_mni(files), order=0), affine)

    def _gap(self, mask: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the distance (mm) from the voxels of a mask to a target as an array of the grid, 0 elsewhere."""
        gaps = np.zeros(mask.shape)
        gaps[mask] = self.gaps(np.argwhere(mask), target)
        return gaps

    def gaps(self, index: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the distance (mm) between the surfaces of voxels and of the nearest voxel of a target.

        Parameters
        ----------
        index : integer array (n, 3)
        target : boolean array (x, y, z)

        Returns
        -------
        float array (n,), 0 or more; infinite if the target is empty
        """
        if not target.any() or not len(index):
            return np.full(len(index), np.inf)
        surface = target & ~ndimage.binary_erosion(target)
        tree = cKDTree(to_world(np.argwhere(surface), self.affine))
        distance = tree.query(to_world(index, self.affine))[0]
        return np.where(target[tuple(np.transpose(index))], 0, np.maximum(distance - self.voxel, 0))

    def of_lesions(
        self, lesion_labels: np.ndarray, *, periventricular_mm: float, juxtacortical_mm: float
    ) -> list[str]:
        """Return the location of each lesion.

        Parameters
        ----------
        lesion_labels : integer array (x, y, z), 0 outside, 1 the first lesion
        periventricular_mm, juxtacortical_mm : largest distances of such lesions; 0 means touching

        Returns
        -------
        list of str, one of :data:`PLACES` per lesion
        """
        index = np.argwhere(lesion_labels > 0)
        if not len(index):
            return []
        numbers = lesion_labels[lesion_labels > 0]
        found = range(1, int(numbers.max()) + 1)
        share = ndimage.mean(self.infratentorial[lesion_labels > 0], numbers, found)
        nearest = [
            ndimage.minimum(self.gaps(index, target), numbers, found)
            for target in (self.ventricles, self.cortex)
        ]
        # a rotated grid changes the last digits of equal distances
        limits = (periventricular_mm + 1e-6, juxtacortical_mm + 1e-6)
        return [
            _place(inside, to_ventricles, to_cortex, limits)
            for inside, to_ventricles, to_cortex in zip(share, *nearest, strict=True)
        ]


def _place(
    share_infratentorial: float, to_ventricles: float, to_cortex: float, limits: tuple[float, float]
) -> str:
    if share_infratentorial > 0.5:
        return "infratentorial"
    if to_ventricles <= limits[0]:
        return "periventricular"
    return "juxtacortical" if to_cortex <= limits[1] else "deep"
