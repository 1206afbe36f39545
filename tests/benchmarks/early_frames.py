"""Which PET image a T1w image registers to best: the mean of early frames, the mean of late ones, or the DVR.

    python tests/benchmarks/early_frames.py [--subjects MS01 HC01 MS02] [--window 1 6]

Simulates dynamic PET with the default noise and prints the target registration error of each (mm, over the brain),
how far the early mean seems to lie from the late one in a head that lay still, and how wrong that is after known
moves.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

from myelosketch.imaging.maps.early_frames import average_early_frames
from myelosketch.imaging.maps.kinetics import fit_dvr
from myelosketch.imaging.maps.motion import displacement, find_motion, head_mask, resample
from myelosketch.imaging.registration.error import target_error
from myelosketch.imaging.registration.itk import register, to_ants, world_matrix
from myelosketch.io.provenance import read_json
from myelosketch.io.volumes import Volume, load_volume
from myelosketch.simulation.cohort import simulated_files, simulated_siblings, truth_file
from myelosketch.simulation.participant import simulate_participant

SETTINGS = {"level": "signals", "dwi": {"n_directions": 6, "n_b0": 1}}
LINEAR = {"kind": "Rigid", "metric": "mattes", "sampling": 0.2, "finest_mm": 3.0, "seed": 1}
T_STAR_MIN = 35.0
MOVES = 4


def measure(subject, window, folder):
    """Errors of one participant, mm: dict."""
    simulate_participant(folder, subject, subject[:2], SETTINGS, 2018)
    files = simulated_files(folder, subject, subject[:2], "signals")
    inputs = {**files, "json": simulated_siblings(folder, subject, "signals")["pet_json"]}
    out = {name: f"{folder}/{name}.nii.gz" for name in ("early", "late", "dvr")}
    frames = {"t_star_min": T_STAR_MIN, "seed": 1}
    average_early_frames(inputs, out["early"], window_min=window, motion="check", **frames)
    average_early_frames(inputs, out["late"], window_min=(T_STAR_MIN, 600), motion="none", **frames)
    fit_dvr(inputs, out["dvr"], model="logan", k2_prime=None, reference="mask", motion="none", **frames)
    images = {name: load_volume(path) for name, path in out.items()}
    poses = {name: np.array(pose) for name, pose in read_json(truth_file(folder, subject, "poses")).items()}
    t1w, true = to_ants(load_volume(files["T1w"])), poses["T1w"] @ np.linalg.inv(poses["pet"])
    errors = {}
    for name, image in images.items():
        register(to_ants(image), t1w, f"{folder}/{name}.mat", **LINEAR)
        points = np.argwhere(image.data > 0)[::7] @ image.affine[:3, :3].T + image.affine[:3, 3]
        error = target_error(world_matrix([f"{folder}/{name}.mat"]), true, points)
        errors |= {name: error["median_mm"], f"{name} p95": error["p95_mm"]}
    return errors | motion_errors(images["early"], images["late"])


def motion_errors(early, late):
    """How far a still head seems to have moved, and the mean error after known moves, mm."""
    head, generator = head_mask(late.data, 0.1), np.random.default_rng(0)
    settings = {"kind": "rigid", "seed": 1, "mask": head}
    still = displacement(find_motion(late.data, early.data, late.affine, **settings), late.affine, head)
    wrong = []
    for _ in range(MOVES):
        move = random_move(generator, Volume(head, late.affine))
        moved = resample(early.data, late.affine, move)
        found = find_motion(late.data, moved, late.affine, **settings)
        wrong.append(displacement(found @ move, late.affine, head))
    return {"still": still, "moved": float(np.mean(wrong))}


def random_move(generator, head):
    """A rigid move by up to 4 degrees about each axis and 5 mm along it, about the middle of the head."""
    from scipy.spatial.transform import Rotation

    middle = np.argwhere(head.data).mean(axis=0) @ head.affine[:3, :3].T + head.affine[:3, 3]
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", generator.uniform(-4, 4, 3), degrees=True).as_matrix()
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle + generator.uniform(-5, 5, 3)
    return matrix


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", nargs="+", default=["MS01", "HC01", "MS02", "HC02"])
    parser.add_argument("--window", nargs=2, type=float, default=(1, 6), help="minutes")
    options = parser.parse_args()
    rows = []
    for subject in options.subjects:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(subject, options.window, folder))
        print(subject, {name: round(value, 3) for name, value in rows[-1].items()}, flush=True)
    print("median", {name: round(statistics.median(row[name] for row in rows), 3) for name in rows[0]})


if __name__ == "__main__":
    main()
