"""What the network of the method transfer owes to its participants, its steps and its random physics.

    python tests/benchmarks/pretraining_curves.py VARIANTS.yaml OUT results/ladder/as_published results/ladder/edge

VARIANTS names each network and how it is trained: ``study`` (results folder of studies/pretraining), and, if they
differ from that study, ``participants`` (number that it learns from: the first patients and controls, in the study's
proportion), ``epochs`` and ``seed``:

    all: {study: results/pretraining}
    thirty: {study: results/pretraining, participants: 30}
    one_physics: {study: results/one-physics/pretraining}

Each network is trained, its level is fitted to the training scans of each world of a finished studies/ladder, and the
patients of that world are scored as the study scores its methods. OUT/patients.tsv has a row per network, world and
patient. The program prints the mean over patients, with its difference from the first network in brackets. It keeps
networks and rows that are there, so it continues where it stopped. A network costs 12 CPU minutes (1,500 steps), a
world one minute per network.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
import yaml
from safetensors import safe_open

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from myelosketch.cohort.config import overlaid  # noqa: E402
from myelosketch.cohort.folds import EXTERNAL_FOLD  # noqa: E402
from myelosketch.evaluation.bootstrap import mean_interval  # noqa: E402
from myelosketch.evaluation.ladder_study import SCAN_COLUMNS, score_patients  # noqa: E402
from myelosketch.io import names  # noqa: E402
from myelosketch.io.tables import read_table  # noqa: E402
from myelosketch.learning.baselines import fit_baseline  # noqa: E402
from myelosketch.learning.packs import read_packs  # noqa: E402
from myelosketch.learning.predict import PREDICTION_FILES  # noqa: E402
from myelosketch.learning.pretraining import NETWORK  # noqa: E402
from myelosketch.learning.training import train_stage  # noqa: E402
from myelosketch.learning.transfer import publish_pretrained  # noqa: E402
from myelosketch.simulation.cohort import truth_file  # noqa: E402

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
SHOWN = ("lesion_mae_visible", "lesion_mae", "lesion_bias", "lesion_rank_r")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variants", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("worlds", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    variants = yaml.safe_load(arguments.variants.read_text())
    table = arguments.out / "patients.tsv"
    for name, variant in variants.items():
        network = arguments.out / name / "network"
        if not (network / "model.json").is_file():
            train(network, arguments.out / name / "training", threads=arguments.threads, **variant)
        for world in arguments.worlds:
            known = (
                pd.read_csv(table, sep="\t")
                if table.is_file()
                else pd.DataFrame({"network": [], "world": []})
            )
            if not ((known.network == name) & (known.world == world.name)).any():
                rows = score(network, arguments.out / name / world.name, world)
                pd.concat([known, rows.assign(network=name, world=world.name)]).to_csv(
                    table, sep="\t", index=False
                )
    print_means(pd.read_csv(table, sep="\t"), list(variants))


def train(network, training, *, study, participants=None, epochs=30, seed=4711, threads=1):
    """Train the network of a variant, and write it as a published network."""
    study = Path(study)
    pack = study / "network/scans.safetensors"
    scans = chosen(scans_of(pack), participants)
    settings = overlaid(CONFIG["training"], {NETWORK: {"epochs": epochs}})
    train_stage(
        NETWORK,
        read_packs(scans, [pack]),
        training,
        settings=settings,
        seed=seed,
        threads=threads,
        fold=EXTERNAL_FOLD,
    )
    publish_pretrained(training, network, {"participants": len(scans), "epochs": epochs, "seed": seed})


def scans_of(*packs):
    """Names of the scans in some packs, sorted."""
    found = set()
    for pack in packs:
        with safe_open(pack, framework="np") as file:
            found |= {key.split("/")[0] for key in file.keys()}  # noqa: SIM118
    return sorted(found)


def chosen(scans, number):
    """The first patients and controls of a simulated study, in the proportion of all."""
    number = number or len(scans)
    found = []
    for group in ("sub-MS", "sub-HC"):
        of_group = [scan for scan in scans if scan.startswith(group)]
        found += of_group[: round(number * len(of_group) / len(scans))]
    return found


def score(network, work, world):
    """Fit the level of a network to a world, and return the scores of its patients."""
    fitted = world / f"training/fold-{EXTERNAL_FOLD}"
    scored = list(dict.fromkeys(read_table(world / "scores/once.tsv").scan))
    packs = sorted((world / "training/scans").glob("fold-*.safetensors"))
    fit_baseline("transfer", read_packs(scans_of(*packs), packs), work / "transfer", pretrained=network)
    files = {
        key: [names.path(world, key, scan=scan) for scan in scored]
        for key in (*PREDICTION_FILES, "dvr", "regions")
    }
    files["visible"] = [truth_file(world / "simulated", names.subject_of(scan), "visible") for scan in scored]
    shared = {
        key: fitted / name
        for key, name in {
            "threshold": "threshold.json",
            "reference_mean": "white-matter_mean.nii.gz",
            "reference_sd": "white-matter_sd.nii.gz",
        }.items()
    }
    keys = ("k", "ks", "dvr_range", "min_lesion_mm3", "reference")
    score_patients(
        scored, files, shared, {"transfer": work / "transfer"}, work / "scores.tsv",
        methods=["transfer"], ceilings=[], seed=None,
        settings={key: CONFIG["evaluation"][key] for key in keys},
        min_voxels=30, prediction={"flips": CONFIG["prediction"]["flips"]},
    )  # fmt: skip
    return read_table(work / "scores.tsv", numeric=tuple(set(SCAN_COLUMNS) - {"scan", "method", "seed"}))


def print_means(table, variants):
    """Print the mean over patients of each network and world, and its difference from the first network."""
    for world, rows in table.groupby("world"):
        cells = {name: part.set_index("scan") for name, part in rows.groupby("network")}
        for name in (name for name in variants if name in cells):
            line = [f"{world} {name}:"]
            for metric in SHOWN:
                values = cells[name][metric]
                line.append(f"{metric} {values.mean():.4f}")
                if name != variants[0] and variants[0] in cells:
                    minus = (values - cells[variants[0]][metric]).dropna()
                    mean, low, high, _ = mean_interval(minus, draws=10000, seed=0, alpha=0.05)
                    line.append(f"[{mean:+.4f} ({low:+.4f} to {high:+.4f})]")
            print(*line)


if __name__ == "__main__":
    main()
