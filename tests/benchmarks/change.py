"""How often an unchanged patient is called changed, and how large a change must be before it is found.

    python tests/benchmarks/change.py [--patients 200] [--load clinical] > change.tsv

No registration and no network: the true DVR of simulated patients on one grid of 3 mm, seen twice, with errors
of the size and smoothness of a PET or of a prediction (ERRORS). In every second lesion DVR rises or falls by a
stated amount, in one patient all up or all down. Prints one row per kind of error, change and size of lesion
(the changed lesions; at a change of 0 all), and of each patient: a claim on the mean of all lesions, any claim
on lesions or on their mean, and a claim on the share of voxels that crossed the threshold (index). Intervals
are Wilson's, 95 %.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import ndimage
from scipy.spatial.transform import Rotation
from statsmodels.stats.proportion import proportion_confint

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from myelosketch.evaluation.lesions import size_classes  # noqa: E402
from myelosketch.prediction.change import measure_pair, shared_lesions  # noqa: E402
from myelosketch.simulation.fields import FWHM_TO_SIGMA, smooth_field, stream  # noqa: E402
from myelosketch.simulation.participant import simulate_body  # noqa: E402
from myelosketch.simulation.physics import tissue_maps  # noqa: E402
from myelosketch.simulation.settings import complete_settings  # noqa: E402

VOXEL_MM = 3.0
SETTINGS = yaml.safe_load((ROOT / "config.yaml").read_text())["evaluation"]
CHANGES = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2)
# of one scan, DVR: SD and width (FWHM of its kernel, mm) of the noise; the same of an error that varies slowly,
# as by the B1 field; SD of an offset, added (MTR) or multiplied (PET); SD of a shift (mm) and a turn (degrees)
# about each axis
ERRORS = {
    "pet": {"noise": (0.065, 4.0), "slow": (0.0, 90.0), "offset": 0.06, "multiplied": True, "moved": 0.1},
    "prediction": {
        "noise": (0.02, 3.0),
        "slow": (0.01, 60.0),
        "offset": 0.03,
        "multiplied": False,
        "moved": 0.15,
    },
}
HEALTHY = {"pet": 1.28 - 0.09, "prediction": 1.28 - 0.06}  # thresholds: mean less one SD of each kind of map


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--load", default="early", help="early or clinical, as simulation.lesion_load")
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--changes", nargs="*", type=float, default=CHANGES)
    arguments = parser.parse_args()
    found = []
    for number in range(arguments.patients):
        found += of_patient(f"B{number:03d}", arguments.load, arguments.seed, arguments.changes)
        if (number + 1) % 20 == 0:
            print(f"{number + 1} patients", file=sys.stderr, flush=True)
    table = pd.DataFrame(found)
    rows = [
        row for _, group in table.groupby(["errors", "change", "size"], sort=False) for row in summary(group)
    ]
    order = [*size_classes(SETTINGS["lesion_sizes_mm3"]), "mean", "any", "index"]
    shown = pd.DataFrame(rows).sort_values(
        ["errors", "size", "change"], key=lambda part: part.map(order.index) if part.name == "size" else part
    )
    shown.to_csv(sys.stdout, sep="\t", index=False, float_format="%.3f")


def summary(group):
    """Share of claims, with its interval and the median limit."""
    first, claims = group.iloc[0], group.claimed
    low, high = proportion_confint(claims.sum(), len(claims), method="wilson")
    yield {
        **{key: first[key] for key in ("errors", "size", "change")},
        **{"n": len(claims), "claimed": claims.mean(), "ci_low": low, "ci_high": high},
        "median_limit": group.limit.median(),
    }


def of_patient(subject, load, seed, changes):
    """Claims on one patient for both kinds of error and every change: list of dict."""
    settings = complete_settings(
        {"voxel_size_mm": {"anatomy": VOXEL_MM}, "lesion_load": load, "lesion_load_min_ml": 1.0}
    )
    body = simulate_body(subject, "MS", settings, seed)
    anatomy = body["anatomy"]
    maps = tissue_maps(anatomy.fractions, body["latents"], anatomy.ventricle_distance)
    white = anatomy.fractions["white"]
    pet = settings["pet"]
    unseen = pet["unseen_sd"] * smooth_field(
        white.shape, VOXEL_MM, pet["unseen_fwhm_mm"], stream(seed, subject, "unseen")
    )
    blur = pet["blur_fwhm_mm"] * FWHM_TO_SIGMA / VOXEL_MM
    brain = sum(anatomy.fractions.values()) > 0.5
    truth = {
        "pet": ndimage.gaussian_filter(maps["DVR"] + unseen * white, blur),
        "prediction": ndimage.gaussian_filter(maps["DVR"], blur),
    }
    lesions = shared_lesions([body["lesions"].member], 0.5, VOXEL_MM**3)
    near = ndimage.distance_transform_edt(lesions.labels == 0) * VOXEL_MM <= 3
    normal = (white > 0.5) & ~near
    rng = stream(seed, subject, "which lesions")
    changed = (np.arange(len(lesions.volumes)) + rng.integers(2)) % 2 == 0
    sign = rng.choice([-1.0, 1.0])
    found = []
    for kind, errors in ERRORS.items():
        rngs = [stream(seed, subject, f"{kind} {session}") for session in (1, 2)]
        made = [scan_errors(white.shape, errors, one) for one in rngs]
        for change in changes:
            step = np.r_[0, sign * change * changed][lesions.labels]
            before, after = (
                seen(truth[kind] + part, brain, error) for part, error in zip((0, step), made, strict=True)
            )
            row, rows = measure_pair(
                before,
                after,
                lesions,
                normal,
                HEALTHY[kind],
                alpha=SETTINGS["alpha"],
                min_lesion_mm3=SETTINGS["min_lesion_mm3"],
                sizes_mm3=SETTINGS["lesion_sizes_mm3"],
                seed=1,
                name=subject,
            )
            common = {"errors": kind, "change": change}
            found += [
                common | {"size": one["size"], "claimed": one["claimed"] == "yes", "limit": one["limit"]}
                for one in rows
                if change == 0 or changed[one["lesion"] - 1]
            ]
            if row["n_lesion_voxels"]:
                whole = row["claimed"] == "yes"
                crossed = "yes" in (row["claimed_demyelination"], row["claimed_remyelination"])
                found += [
                    common | {"size": "mean", "claimed": whole, "limit": row["limit"]},
                    common
                    | {"size": "any", "claimed": whole or row["n_lesions_claimed"] > 0, "limit": np.nan},
                    common | {"size": "index", "claimed": crossed, "limit": row["limit_index"]},
                ]
    return found


def scan_errors(shape, errors, rng):
    """Errors of one scan: a map to add, an offset, a factor, and a small motion (voxel to voxel)."""
    noise, slow = (
        sd * smooth_field(shape, VOXEL_MM, fwhm, rng) for sd, fwhm in (errors["noise"], errors["slow"])
    )
    offset = errors["offset"] * rng.standard_normal()
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(np.radians(errors["moved"] * rng.standard_normal(3))).as_matrix()
    motion[:3, 3] = errors["moved"] / VOXEL_MM * rng.standard_normal(3)
    centre = np.eye(4)
    centre[:3, 3] = (np.array(shape) - 1) / 2
    return {
        "added": noise + slow + (0.0 if errors["multiplied"] else offset),
        "factor": 1 + (offset / 1.28 if errors["multiplied"] else 0.0),
        "motion": centre @ motion @ np.linalg.inv(centre),
    }


def seen(truth, brain, errors):
    """A map as one scan shows it, 0 outside the brain."""
    matrix = errors["motion"]
    moved = ndimage.affine_transform(truth, matrix[:3, :3], matrix[:3, 3], order=3)
    return np.where(brain, errors["factor"] * moved + errors["added"], 0)


if __name__ == "__main__":
    main()
