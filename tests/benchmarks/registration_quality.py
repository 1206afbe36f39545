"""How well the checks of the registration separate right from wrong, on a simulated cohort with its derivatives.

    python tests/benchmarks/registration_quality.py SIMULATED DERIVATIVES [--wrong 6] [--out table.tsv]

For each scan: its own transforms; wrong ones (5 mm in a random direction, 8 degrees about a random axis through the
brain); the PET, diffusion maps or MTR of other participants, registered. Even-numbered scans were used to choose the
limits; detection is printed for odd-numbered ones (by their T1w).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

import yaml  # noqa: E402

from myelosketch.imaging.files import Anatomy, RawImages  # noqa: E402
from myelosketch.imaging.registration import quality  # noqa: E402
from myelosketch.imaging.registration.itk import world_matrix  # noqa: E402
from myelosketch.imaging.registration.repeats import distances_to, register_again  # noqa: E402
from myelosketch.imaging.registration.transforms import save_matrix  # noqa: E402
from myelosketch.imaging.registration.verdicts import problems  # noqa: E402

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())["registration"]
SETTINGS = {"kind": "Rigid", "metric": CONFIG["metric"], "sampling": CONFIG["sampling"], "seed": 2018}
MODALITIES = ("pet", "dwi", "MTR")
SWAPS = (1, 5, 11)  # uses images of the participants this many places further on


def files(simulated, derivatives, scan):
    """Inputs of ``check_registration`` for one simulated scan."""
    maps, own, anat = (
        f"{simulated}/derivatives/maps/{scan}", f"{derivatives}/{scan}", f"{simulated}/{scan}/anat/{scan}",
    )  # fmt: skip
    lesion = Path(f"{own}/anat/{scan}_label-lesion_probseg.nii.gz")
    return {
        **{name: f"{maps}/dwi/{scan}_model-tensor_param-{name.lower()}_dwimap.nii.gz" for name in ("FA", "RD", "AD")},
        "DVR": f"{maps}/pet/{scan}_trc-PIB_meas-DVR_mimap.nii.gz",
        "MTR": f"{anat}_MTRmap.nii.gz",
        "t1w": f"{own}/anat/{scan}_desc-preproc_T1w.nii.gz",
        "brain": f"{own}/anat/{scan}_desc-brain_mask.nii.gz",
        "tissue": f"{own}/anat/{scan}_desc-tissue_dseg.nii.gz",
        "lesion": str(lesion) if lesion.is_file() else None,
        "xfm_t1w_to_petref": f"{own}/anat/{scan}_from-T1w_to-petref_mode-image_xfm.mat",
        "xfm_dwi_to_t1w": f"{own}/dwi/{scan}_from-dwi_to-T1w_mode-image_xfm.mat",
        "xfm_mtr_to_t1w": f"{own}/anat/{scan}_from-MTR_to-T1w_mode-image_xfm.mat",
        "xfm_t1w_to_mni": f"{own}/anat/{scan}_from-T1w_to-MNI152_mode-image_xfm.mat",
    }  # fmt: skip


def wrong(generator, points, kind):
    """A shift by 5 mm in a random direction, or a turn by 8 degrees about a random axis through the brain."""
    direction = generator.normal(size=3)
    direction /= np.linalg.norm(direction)
    matrix = np.eye(4)
    if kind == "shift 5 mm":
        matrix[:3, 3] = 5 * direction
    else:
        centre = points.mean(axis=0)
        matrix[:3, :3] = Rotation.from_rotvec(np.radians(8) * direction).as_matrix()
        matrix[:3, 3] = centre - matrix[:3, :3] @ centre
    return matrix


def measured(head, volume, matrix, answers, folder):
    """A row as ``check_registration`` writes it, for a matrix from T1w to the map."""
    path = Path(folder) / "given.mat"
    save_matrix(path, matrix)
    return quality.as_placed(head, volume, [path], [False]) | distances_to(matrix, answers, head.points)


def main():
    """Measure, print and write the table of all rows."""
    import tempfile

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("simulated")
    parser.add_argument("derivatives")
    parser.add_argument("--wrong", type=int, default=6)
    parser.add_argument("--out", default="registration_quality.tsv")
    chosen = parser.parse_args()
    scans = sorted(path.name for path in Path(chosen.derivatives).glob("sub-*"))
    inputs = {scan: files(chosen.simulated, chosen.derivatives, scan) for scan in scans}
    maps = {
        scan: quality.load_maps(RawImages.of(inputs[scan]), Anatomy.of(inputs[scan]), quality.default_units())
        for scan in scans
    }
    generator, rows = np.random.default_rng(0), []
    for place, scan in enumerate(scans):
        anatomy = Anatomy.of(inputs[scan])
        head = quality.Head(anatomy)
        for number, modality in enumerate(MODALITIES):
            lender = scans[(place + SWAPS[(place + number) % 3]) % len(scans)]
            chain, inverted = quality.transforms_of(inputs[scan]["xfm_t1w_to_petref"], anatomy, modality)
            own = world_matrix(chain, inverted=inverted)
            with tempfile.TemporaryDirectory() as folder:

                def add(
                    kind, volume, matrix, answers, head=head, modality=modality, folder=folder, scan=scan
                ):
                    row = measured(head, volume, matrix, answers, folder)
                    rows.append({"scan": scan, "modality": modality, "kind": kind, **row})

                for kind, source in (("own", scan), ("of another", lender)):
                    volume = maps[source][modality]
                    answers = register_again(
                        head.masked, volume, starts=CONFIG["quality"]["starts"],
                        with_stretch=modality in quality.STRETCHED, settings=SETTINGS,
                    )  # fmt: skip
                    add(kind, volume, own if kind == "own" else answers.again[0], answers)
                    for name in ("shift 5 mm", "turn 8 degrees") if kind == "own" else ():
                        for _ in range(chosen.wrong):
                            add(name, volume, own @ wrong(generator, head.points, name), answers)
        print(scan, flush=True)
        pd.DataFrame(rows).to_csv(chosen.out, sep="\t", index=False)
    report(pd.DataFrame(rows), CONFIG["quality"])


def report(table, limits):
    """Print how many of each kind are called failed, and by which numbers."""
    table = table.assign(
        odd=table.scan.str[-1].astype(int) % 2 == 1,
        why=[
            problems(row, limits)
            for row in table.astype(object).where(table.notna(), None).to_dict("records")
        ],
    )
    for (kind, modality), part in table.groupby(["kind", "modality"]):
        halves = [
            f"{(half.why.str.len() > 0).sum()} of {len(half)}" for half in (part[~part.odd], part[part.odd])
        ]
        numbers = part[list(quality.NUMBERS)].astype(float).quantile([0, 0.5, 1]).round(3)
        print(f"{kind}, {modality}: failed {halves[0]} even, {halves[1]} odd\n{numbers.to_string()}")


if __name__ == "__main__":
    main()
