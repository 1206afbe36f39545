"""Statistics of the lesions of 30 patients, from which simulated lesions are drawn and with which they are compared.

Source: consensus lesion masks of 30 patients with multiple sclerosis (open_ms_data, CC-BY; Lesjak et al.,
Neuroinformatics 2017). The numbers were measured on those masks for this project. A lesion is a connected component
of at least SMALLEST_MM3 in a patient's own mask. Distances and places are those of masks aligned with the MNI152
template, once rigidly and once affinely; the truth is between the two.
"""

import numpy as np

SMALLEST_MM3 = 3.0
N_PATIENTS, N_LESIONS = 30, 2861

# volume of a lesion (mm3) by percentile, all patients' lesions together
VOLUME_MM3 = {
    0: 3.16, 1: 3.34, 5: 4.22, 10: 5.45, 20: 8.26, 30: 11.43, 40: 15.82, 50: 21.62, 60: 31.46, 70: 44.47,
    80: 68.73, 90: 147.3, 95: 294.96, 97.5: 639.66, 99: 2588.98, 99.5: 5404.94, 99.9: 25173.66, 100: 46951.17,
}  # fmt: skip
# number of a patient's lesions of at least SMALLEST_MM3, by percentile
COUNT = {
    5: 17.0, 10: 17.9, 20: 23.0, 30: 30.4, 40: 52.4, 50: 76.5, 60: 90.4, 70: 103.9, 80: 133.2, 90: 218.3, 95: 285.7,
}  # fmt: skip
# number of a patient's lesions of at least 100 mm3, by percentile
COUNT_100_MM3 = {
    5: 2.0, 10: 2.9, 20: 4.0, 30: 6.0, 40: 8.6, 50: 10.0, 60: 15.2, 70: 17.3, 80: 23.2, 90: 27.4, 95: 33.2,
}  # fmt: skip
LOG_COUNT_MEAN, LOG_COUNT_SD = 4.15, 0.92  # natural logarithm of COUNT
LOG_LOAD_MEAN, LOG_LOAD_SD = 2.14, 1.47  # natural logarithm of the load in mL
LOG_COUNT_LOAD_CORRELATION = 0.74

# ratio of the long to the short axis, by percentile: root of the ratio of the eigenvalues of the covariance of a
# lesion's voxel coordinates; lesions of at least 10 mm3 in 15 of the masks at 1 mm
AXIS_RATIO = {10: 1.6, 50: 2.65, 90: 4.1}
LONG_MIDDLE_RATIO_MEDIAN = 1.58  # the same of the long to the middle axis, median

# bands of distance (mm) from the lateral ventricles
DISTANCE_EDGES_MM = (0, 2, 5, 10, 15, 20, 30, 40, 100)
# share of the white matter in each band
WHITE_MATTER_SHARE = (0.020, 0.053, 0.113, 0.143, 0.142, 0.251, 0.200, 0.078)
# share of lesion voxels over share of white-matter voxels, by band and alignment
RELATIVE_RISK = {
    "rigid": (5.34, 3.30, 2.39, 1.32, 0.76, 0.43, 0.21, 0.02),
    "affine": (1.38, 1.92, 2.37, 1.62, 1.03, 0.54, 0.35, 0.23),
}
# share of lesions, each counted once, by the band of its nearest voxel
LESION_SHARE = {
    "rigid": (0.086, 0.074, 0.181, 0.184, 0.153, 0.229, 0.089, 0.005),
    "affine": (0.058, 0.054, 0.139, 0.163, 0.142, 0.239, 0.169, 0.036),
}
# share of the lesions below 100 mm3 over the share of all lesions, by band (affine alignment)
SMALL_LESION_FACTOR = (0.44, 0.73, 0.99, 1.00, 1.04, 1.08, 1.09, 1.18)
# share of lesions (affine alignment) that reach the cortex, and that come within 3 mm of it
CORTEX_SHARE = {"touching": 0.52, "within_3_mm": 0.79}


def draw_volumes(n: int, rng: np.random.Generator, sets: int = 1) -> np.ndarray:
    """Return the volumes of lesions by the measured percentiles, interpolated on their logarithm.

    Parameters
    ----------
    n : int, number of lesions of a patient
    rng : numpy.random.Generator
    sets : int, number of patients

    Returns
    -------
    array (sets, n), mm3
    """
    return np.exp(np.interp(100 * rng.random((sets, n)), list(VOLUME_MM3), np.log(list(VOLUME_MM3.values()))))


def draw_count(load_ml: float, rng: np.random.Generator) -> int:
    """Draw the number of lesions of a patient with a given load: log-normal, by the measured regression."""
    slope = LOG_COUNT_LOAD_CORRELATION * LOG_COUNT_SD / LOG_LOAD_SD
    spread = LOG_COUNT_SD * np.sqrt(1 - LOG_COUNT_LOAD_CORRELATION**2)
    log_count = LOG_COUNT_MEAN + slope * (np.log(load_ml) - LOG_LOAD_MEAN) + spread * rng.standard_normal()
    return max(1, round(float(np.exp(log_count))))


def mean_relative_risk() -> np.ndarray:
    """Return the relative risk of a white-matter voxel by distance band, array: geometric mean of both alignments."""
    return np.sqrt(np.prod(list(RELATIVE_RISK.values()), axis=0))


def small_lesion_risk() -> np.ndarray:
    """Return the relative risk of lesions below 100 mm3, each counted once, by distance band: array."""
    share = np.sqrt(np.prod(list(LESION_SHARE.values()), axis=0)) * SMALL_LESION_FACTOR
    return share / np.array(WHITE_MATTER_SHARE)
