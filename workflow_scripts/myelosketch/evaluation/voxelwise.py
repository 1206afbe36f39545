"""Voxelwise scores of a predicted DVR map, per region: errors, PSNR, SSIM and correlation.

Everything is computed inside the brain only. PSNR and SSIM use one fixed range of DVR for every scan and method. With
a range taken from each image, a map with one bright voxel would score better (our choice).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from myelosketch.evaluation.masks import REGIONS, region_masks

# error against the conditional mean of a simulated DVR given noise-free myelin and water: the error of a prediction
# without the noise of the PET
VISIBLE_COLUMNS = ("mae_visible", "r_visible")
COLUMNS = (
    *("mae", "mse", "bias", "psnr", "ssim", "pearson_r", "slope", "intercept"),
    *(*VISIBLE_COLUMNS, "n_voxels"),
)

# Gaussian window and constants of Wang et al. 2004 (IEEE TIP 13:600), as in MONAI: 11 voxels wide, sigma 1.5
# voxels
SSIM_SIGMA_VOXELS = 1.5
SSIM_RADIUS_VOXELS = 5
SSIM_K1 = 0.01
SSIM_K2 = 0.03


def region_errors(predicted: ArrayLike, measured: ArrayLike, *, data_range: float) -> dict[str, float]:
    """Return the errors over the voxels of one region.

    Parameters
    ----------
    predicted, measured : float arrays (n,), DVR of the region's voxels
    data_range : float, width of the range of DVR for PSNR (for instance 2 for 0 to 2)

    Returns
    -------
    dict : ``mae``, ``mse``, ``bias`` (mean of predicted minus measured), ``psnr`` (dB; infinite if equal),
        ``pearson_r`` (NaN where one of the two is constant), ``slope`` and ``intercept`` of measured on predicted
        by least squares (NaN where the predicted DVR is constant), ``n_voxels``; NaN for an empty region
    """
    predicted = np.asarray(predicted, float)
    measured = np.asarray(measured, float)
    if measured.size == 0:
        return dict.fromkeys(set(COLUMNS) - {"ssim", "n_voxels", *VISIBLE_COLUMNS}, np.nan) | {"n_voxels": 0}
    difference = predicted - measured
    mse = float(np.mean(difference**2))
    return {
        "mae": float(np.mean(np.abs(difference))),
        "mse": mse,
        "bias": float(difference.mean()),
        "psnr": float(10 * np.log10(data_range**2 / mse)) if mse > 0 else np.inf,
        "pearson_r": pearson(predicted, measured),
        "n_voxels": int(measured.size),
    } | regression(predicted, measured)


def regression(predicted: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    """Fit measured on predicted by least squares: how much the truth changes where the prediction changes by 1.

    Slope 1 and intercept 0 are ideal: a predicted difference is then a true difference. Below 1 the prediction varies
    too much, above 1 too little, and near 0 it is not informative. Measurement noise does not change the slope. The
    reverse slope, of predicted on measured, is below 1 even for the best possible prediction.

    Parameters
    ----------
    predicted, measured : float arrays (n,)

    Returns
    -------
    dict : ``slope``, ``intercept``; NaN for fewer than two values or a constant prediction
    """
    if predicted.size < 2 or _constant(centred := predicted - predicted.mean(), predicted):
        return {"slope": np.nan, "intercept": np.nan}
    slope = float(centred @ (measured - measured.mean()) / (centred @ centred))
    return {"slope": slope, "intercept": float(measured.mean() - slope * predicted.mean())}


def pearson(first: ArrayLike, second: ArrayLike) -> float:
    """Return the Pearson correlation, NaN for fewer than two values or a side that is constant up to rounding.

    Parameters
    ----------
    first, second : float arrays (n,)

    Returns
    -------
    float
    """
    first = np.asarray(first, float)
    second = np.asarray(second, float)
    if first.size < 2:
        return np.nan
    a = first - first.mean()
    b = second - second.mean()
    # rounding of float32 leaves a spread of about 1e-7 in a constant map, which does not count as variation
    if _constant(a, first) or _constant(b, second):
        return np.nan
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1, 1))


def _constant(centred: np.ndarray, values: np.ndarray) -> bool:
    return np.abs(centred).max() <= 1e-6 * max(1.0, float(np.abs(values).max()))


class BrainSSIM:
    """Structural similarity inside the brain, prepared once for a measured map.

    Windows are Gaussian (Wang et al. 2004) and contain brain voxels only. Local moments are divided by the share of
    the window inside the brain, so neither voxels outside it nor fill values enter (our choice). Where the whole
    window is brain, this is the usual SSIM. Population moments and valid windows are as in MONAI's ``SSIMMetric``.

    Parameters
    ----------
    measured : float array (x, y, z), DVR
    brain : boolean array (x, y, z)
    data_range : float, width of the fixed range of DVR
    """

    def __init__(self, measured: np.ndarray, brain: np.ndarray, *, data_range: float) -> None:
        self.shape = brain.shape
        self.c1 = (SSIM_K1 * data_range) ** 2
        self.c2 = (SSIM_K2 * data_range) ** 2
        self.box = _bounding_box(brain)
        self.brain = brain[self.box]
        self.share = np.where(self.brain, _smooth(self.brain.astype(float)), 1.0)
        self.measured = np.where(self.brain, measured[self.box], 0.0).astype(float)
        self.mean = self._local_mean(self.measured)
        self.variance = self._local_mean(self.measured**2) - self.mean**2

    def _local_mean(self, values: np.ndarray) -> np.ndarray:
        return _smooth(values) / self.share

    def map(self, predicted: np.ndarray) -> np.ndarray:
        """Return the SSIM of every brain voxel.

        Parameters
        ----------
        predicted : float array (x, y, z), DVR

        Returns
        -------
        float array (x, y, z), NaN outside the brain
        """
        predicted = np.where(self.brain, predicted[self.box], 0.0).astype(float)
        mean = self._local_mean(predicted)
        variance = self._local_mean(predicted**2) - mean**2
        covariance = self._local_mean(predicted * self.measured) - mean * self.mean
        luminance = (2 * mean * self.mean + self.c1) / (mean**2 + self.mean**2 + self.c1)
        structure = (2 * covariance + self.c2) / (variance + self.variance + self.c2)
        result = np.full(self.shape, np.nan)
        result[self.box] = np.where(self.brain, luminance * structure, np.nan)
        return result


def _smooth(values: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(values, SSIM_SIGMA_VOXELS, radius=SSIM_RADIUS_VOXELS, mode="constant")


def _bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest box that contains the mask. An empty mask gives an empty box."""
    found = ndimage.find_objects(mask.astype(np.uint8))
    return found[0] if found else tuple(slice(0, 0) for _ in mask.shape)


class VoxelwiseScorer:
    """Score every method against one measured map. What depends on the measurement only is computed once.

    Parameters
    ----------
    measured : float array (x, y, z), DVR
    labels : integer array (x, y, z), region codes; 0 is not scored
    data_range : float, width of the fixed range of DVR for PSNR and SSIM
    visible : float array (x, y, z), conditional mean of DVR given noise-free myelin and water, of a simulated scan;
        None where it is not known
    """

    def __init__(
        self,
        measured: np.ndarray,
        labels: np.ndarray,
        *,
        data_range: float,
        visible: np.ndarray | None = None,
    ) -> None:
        self.measured = measured
        self.visible = visible
        self.data_range = data_range
        self.masks = region_masks(labels)
        self.similarity = BrainSSIM(measured, self.masks["brain"], data_range=data_range)

    def score(self, predicted: np.ndarray) -> list[dict[str, Any]]:
        """Return one row per region, in the order brain, lesion, nawm, other.

        Parameters
        ----------
        predicted : float array (x, y, z), DVR

        Returns
        -------
        list of dict : ``region`` and :data:`COLUMNS`, NaN where a region is empty. The SSIM of a region is the mean
        of the brain's SSIM map over its voxels
        """
        similarity = self.similarity.map(predicted) if self.masks["brain"].any() else None
        rows = []
        for region in REGIONS:
            mask = self.masks[region]
            row = region_errors(predicted[mask], self.measured[mask], data_range=self.data_range)
            row |= self._against_visible(predicted[mask], mask)
            row["ssim"] = (
                float(similarity[mask].mean()) if similarity is not None and row["n_voxels"] else np.nan
            )
            rows.append({"region": region} | {name: row[name] for name in COLUMNS})
        return rows

    def _against_visible(self, predicted: np.ndarray, mask: np.ndarray) -> dict[str, float]:
        if self.visible is None or not predicted.size:
            return dict.fromkeys(VISIBLE_COLUMNS, np.nan)
        visible = self.visible[mask].astype(float)
        difference = np.abs(predicted.astype(float) - visible)
        return {"mae_visible": float(difference.mean()), "r_visible": pearson(predicted, visible)}
