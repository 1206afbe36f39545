"""How well the check of a new scan's maps separates right from wrong maps, on a finished run.

    python tests/benchmarks/out_of_range.py results [--out table.tsv]

Every scan of the cross-validation is judged by the range of all others (by participant): as it is, and after each of
the mistakes of MISTAKES. Those of HARMONISED are made in every scan of a site whose maps are then harmonised by its
controls, which hides a wrong level. Scans of an external site are judged by the range of all internal ones.
Prints, per kind, how many scans are unusual and out of range, how many are called by the name of the mistake, the
features that are out of range in most scans, and one sentence.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from myelosketch.cohort.finished_run import read_run  # noqa: E402
from myelosketch.io.names import INPUT_MAPS, REGION_CODES, subject_of  # noqa: E402
from myelosketch.io.volumes import load_volume, open_image  # noqa: E402
from myelosketch.learning.harmonisation import harmonise  # noqa: E402
from myelosketch.prediction.value_range import (  # noqa: E402
    describe_maps,
    judge_range,
    reasons,
    training_range,
    worst_verdict,
)

FWHM_PER_SIGMA = 2.3548


def changed(**maps):
    """A mistake that replaces maps by functions of all maps; what shows nothing stays 0."""

    def mistake(scan):
        return scan.maps | {
            name: np.where(scan.maps[name] != 0, change(scan.maps), 0) for name, change in maps.items()
        }

    return mistake


def smoothed(fwhm_mm):
    """All maps smoothed within the brain."""

    def mistake(scan):
        sigma = fwhm_mm / FWHM_PER_SIGMA / np.array(scan.voxel_mm)
        weight = ndimage.gaussian_filter(scan.brain.astype(float), sigma)
        return {
            name: np.where(
                scan.brain, ndimage.gaussian_filter(image * scan.brain, sigma) / np.maximum(weight, 1e-6), 0
            )
            for name, image in scan.maps.items()
        }

    return mistake


def noisier(scan):
    """Noise of every map doubled: white noise is added."""
    random = np.random.default_rng(1)
    return {
        name: np.where(
            image != 0,
            image + np.sqrt(3) * scan.right[name]["noise"] * random.standard_normal(image.shape),
            0,
        )
        for name, image in scan.maps.items()
    }


def halved(scan):
    """Nothing left of the middle."""
    left = np.arange(scan.brain.shape[0]) < (scan.box.start + scan.box.stop) // 2
    return {name: np.where(left[:, None, None], 0, image) for name, image in scan.maps.items()}


def mirrored(scan):
    """All maps mirrored left to right in the box of the brain; the regions are not."""
    found = {}
    for name, image in scan.maps.items():
        found[name] = np.zeros_like(image)
        found[name][scan.box] = image[scan.box][::-1]
    return found


def uneven(scan):
    """MTR with a field from -25 to +25 % along the head."""
    length = scan.brain.shape[1]
    field = 1 + 0.25 * np.sin(np.pi * np.linspace(-0.5, 0.5, length))
    return scan.maps | {"MTR": scan.maps["MTR"] * field[None, :, None]}


def thick_slices(scan):
    """MTR as from slices of 5 mm."""
    width = max(1, round(5 / scan.voxel_mm[2]))
    return scan.maps | {"MTR": ndimage.uniform_filter1d(scan.maps["MTR"], width, axis=2) * scan.brain}


MISTAKES = {
    "right": lambda scan: scan.maps,
    "RD and AD swapped": changed(RD=lambda maps: maps["AD"], AD=lambda maps: maps["RD"]),
    "MTR x 10": changed(MTR=lambda maps: maps["MTR"] * 10),
    "MTR x 0.01": changed(MTR=lambda maps: maps["MTR"] * 0.01),
    "100 - MTR": changed(MTR=lambda maps: 100 - maps["MTR"]),
    "FA and MTR swapped": changed(FA=lambda maps: maps["MTR"], MTR=lambda maps: maps["FA"]),
    "RD x 1000": changed(RD=lambda maps: maps["RD"] * 1000),
    "AD x 0.5": changed(AD=lambda maps: maps["AD"] * 0.5),
    "FA x 1000": changed(FA=lambda maps: maps["FA"] * 1000),
    "smoothed to 6 mm": smoothed(6),
    "noise doubled": noisier,
    "MTR - 8": changed(MTR=lambda maps: maps["MTR"] - 8),
    "half a head": halved,
    "maps mirrored, T1w not": mirrored,
    "MD given as RD": changed(RD=lambda maps: (maps["AD"] + 2 * maps["RD"]) / 3),
    "MTR with an uneven field": uneven,
    "MTR with slices of 5 mm": thick_slices,
    "written with half the voxels": lambda scan: scan.maps,
}
# voxels of the files after a mistake
NATIVE = {
    "MTR with slices of 5 mm": lambda sides: {"MTR": (*sides["MTR"][:2], 5.0)},
    "written with half the voxels": lambda sides: {name: np.array(sides[name]) / 2 for name in INPUT_MAPS},
}
# the whole scan mirrored, T1w and regions with it, has the same numbers: this check cannot see it (intake may)
HARMONISED = ("right", "RD and AD swapped", "100 - MTR", "FA and MTR swapped", "smoothed to 6 mm")
# what the sentence of a mistake says
NAMED = {
    "RD and AD swapped": "RD and AD look swapped",
    "MTR x 10": "multiplied by 10;",
    "MTR x 0.01": "multiplied by 0.01;",
    "100 - MTR": "100 - MTR",
    "FA and MTR swapped": "MTR and FA look swapped",
    "RD x 1000": "multiplied by 1000;",
    "AD x 0.5": "AD (0",
    "FA x 1000": "multiplied by 1000;",
    "smoothed to 6 mm": "smoothed",
    "noise doubled": "noisier",
    "MTR - 8": "another unit or pulse",
    "half a head": "part of the head is missing",
}


class Scan:
    """Maps of a scan in memory, with what mistakes and numbers need of it."""

    def __init__(self, run, name):
        regions = load_volume(run.derivative("regions", name), dtype=np.uint8)
        self.name, self.group = name, run.cohort.group[name]
        self.white, self.voxel_mm = regions.data == REGION_CODES["nawm"], regions.voxel_size
        self.maps = {key: load_volume(run.derivative(key.lower(), name)).data for key in INPUT_MAPS}
        self.brain = self.maps["AD"] > 0
        planes = np.flatnonzero(self.brain.any(axis=(1, 2)))
        self.box = slice(planes[0], planes[-1] + 1)
        files = {key: run.cohort.rows[name][key] for key in INPUT_MAPS}
        self.native = {
            key: open_image(path).header.get_zooms()[:3]
            for key, path in files.items()
            if path and Path(path).is_file()
        }
        self.right = self.describe(self.maps)

    def describe(self, maps, **native):
        return describe_maps(maps, self.white, self.voxel_mm, native=self.native | native)

    def after(self, mistake):
        """Description after a mistake."""
        native = NATIVE[mistake](self.native) if mistake in NATIVE else {}
        return self.describe(MISTAKES[mistake](self), **native)

    def harmonised(self, mistake, site, model):
        """Description after a mistake that the harmonisation by the site's controls has followed."""
        maps = np.stack([MISTAKES[mistake](self)[name] for name in INPUT_MAPS])
        maps = harmonise(maps, (maps != 0).all(axis=0), site, model)
        return self.describe(dict(zip(INPUT_MAPS, maps, strict=True)))


def white_matter_of(descriptions):
    """Mean level and spread, as of `harmonisation.white_matter_statistics`."""
    return {
        name: {
            key: float(np.mean([one[name][feature] for one in descriptions]))
            for key, feature in (("mean", "level"), ("sd", "spread"))
        }
        for name in INPUT_MAPS
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", help="folder of a finished run")
    parser.add_argument("--out", help="write all rows of all scans to this TSV")
    arguments = parser.parse_args()
    run = read_run(arguments.results)
    scans = [Scan(run, name) for name in run.cohort.internal]
    model = white_matter_of([scan.right for scan in scans if scan.group == "HC"])
    sites = {
        mistake: white_matter_of([scan.after(mistake) for scan in scans if scan.group == "HC"])
        for mistake in HARMONISED
    }
    rows = []
    for scan in scans:
        others = [other for other in scans if subject_of(other.name) != subject_of(scan.name)]
        known = training_range([other.right for other in others], [other.group for other in others])
        for mistake in MISTAKES:
            rows += judged(scan, mistake, scan.after(mistake), known)
        for mistake in HARMONISED:
            kind = f"{mistake}, harmonised"
            rows += judged(scan, kind, scan.harmonised(mistake, sites[mistake], model), known)
    known = training_range([scan.right for scan in scans], [scan.group for scan in scans])
    for name in run.cohort.external:
        kind = f"site {run.cohort.site[name]}"
        rows += judged(scan := Scan(run, name), kind, scan.right, known)
    table = pd.DataFrame(rows)
    if arguments.out:
        table.to_csv(arguments.out, sep="\t", index=False)
    print(summary(table).to_csv(sep="\t", index=False))


def judged(scan, kind, description, known):
    """Rows of a scan, with its verdict and sentences."""
    found = judge_range(description, known)
    said = {"verdict_of_scan": worst_verdict(found), "said": " ".join(reasons(found))}
    return [{"scan": scan.name, "kind": kind, **row, **said} for row in found]


def summary(table):
    """One row per kind."""
    lines = []
    for kind, part in table.groupby("kind", sort=False):
        of_scan = part.drop_duplicates("scan")
        beyond = part[part.verdict == "out_of_range"].drop_duplicates(["scan", "map", "feature"])
        features = Counter(beyond["map"] + " " + beyond.feature)
        named = NAMED.get(kind)
        lines.append(
            {
                "kind": kind,
                "scans": len(of_scan),
                "unusual": (of_scan.verdict_of_scan == "unusual").sum(),
                "out_of_range": (of_scan.verdict_of_scan == "out_of_range").sum(),
                "named": of_scan.said.str.contains(named, regex=False).sum() if named else "n/a",
                "out_of_range_features": ", ".join(
                    name for name, n in features.items() if n > len(of_scan) / 2
                ),
                "example": of_scan.said.iloc[0],
            }
        )
    return pd.DataFrame(lines)


if __name__ == "__main__":
    main()
