"""Scores of training settings on held-out patients of a simulated run, as the basis for the defaults.

    python tests/benchmarks/settings.py RESULTS VARIANTS.yaml OUT --fold 1 --seeds 1 2 [--threads 1]
    python tests/benchmarks/settings.py RESULTS VARIANTS.yaml OUT --against default      # compares what is there

RESULTS is a run's folder up to its linear models and threshold of the fold. VARIANTS names each variant and what
differs from config.yaml: ``training`` (keys as deep as needed), ``prediction``, and ``methods`` if not sketcher and
refiner:

    default: {}
    mirrored: {prediction: {flips: true}}
    wide: {methods: [unet, dnn2], training: {generator: {widths: [24, 48, 96]}}}

OUT/scores.tsv gets one row per variant, seed and method, the mean over the patients that the fold holds out;
OUT/patients.tsv what it is the mean of. Rows already there are skipped and models are kept in OUT/models by what
shapes them, so it goes on where it was stopped, and a sketcher that two variants share is trained once. Choose on a
cohort of another seed than the one that is reported.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from myelosketch.evaluation.bootstrap import interval, subject_draws  # noqa: E402
from myelosketch.evaluation.demyelination import read_threshold, score_demyelination  # noqa: E402
from myelosketch.io import names  # noqa: E402
from myelosketch.io.volumes import load_volume  # noqa: E402
from myelosketch.learning.data import TRAINING_FILES, check_fold, load_maps, load_training_scan  # noqa: E402
from myelosketch.learning.inference import NetworkModel  # noqa: E402
from myelosketch.learning.ladder import NETWORK_METHODS, RIDGE_METHODS  # noqa: E402
from myelosketch.learning.models import text_hash  # noqa: E402
from myelosketch.learning.ridge import RidgeModel  # noqa: E402
from myelosketch.learning.template import TemplateModel  # noqa: E402
from myelosketch.learning.training import stage_settings, train_stage  # noqa: E402
from myelosketch.learning.variants import variant_training  # noqa: E402
from myelosketch.simulation.cohort import truth_file  # noqa: E402

KEY = ["variant", "seed", "method"]
# a run has one or two of them
MAPS, TRANSFORMS = ("mtr", "fa", "rd", "ad"), ("xfm_t1w_to_petref", "xfm_t1w_to_mni")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("results", "variants", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--fold", default="1")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--against", help="compare every variant with this one, instead of training")
    arguments = parser.parse_args()
    if arguments.against:
        compare(pd.read_csv(arguments.out / "patients.tsv", sep="\t"), arguments.against)
        return
    bench = Bench(arguments.results, arguments.out, arguments.fold, arguments.threads)
    for method, predicted in bench.references().items():
        bench.score(("reference", 0, method), predicted, 0.0)
    for seed in arguments.seeds:
        for name, changes in yaml.safe_load(arguments.variants.read_text()).items():
            bench.run(name, seed, changes)


class Bench:
    """Scans of a fold in memory, models on disk, scores in tables."""

    def __init__(self, results, out, fold, threads):
        self.results, self.out, self.threads = results, out, threads
        out.mkdir(parents=True, exist_ok=True)
        self.config = yaml.safe_load((ROOT / "config.yaml").read_text())
        self.fitted = results / f"training/fold-{fold}"
        self.threshold = read_threshold(self.fitted / "threshold.json")
        folds = pd.read_csv(results / "cohort/folds.tsv", sep="\t", dtype=str)
        held = folds.fold == fold
        self.names = [names.scan_name(subject) for subject in folds.subject[~held]]
        files = {
            scan: {key: names.path(results, key, scan=scan) for key in TRAINING_FILES} for scan in self.names
        }
        self.scans = check_fold([load_training_scan(scan, paths) for scan, paths in files.items()])
        self.patients = {s: self.patient(s) for s in folds.subject[held & (folds.group == "MS")]}
        scored = out / "scores.tsv"
        self.scored = (
            set(map(tuple, pd.read_csv(scored, sep="\t")[KEY].values)) if scored.is_file() else set()
        )

    def patient(self, subject):
        """Maps, measured and true DVR, regions and transforms of a held-out patient."""
        keys = (*MAPS, *TRANSFORMS, "dvr", "regions")
        files = {key: names.path(self.results, key, scan=names.scan_name(subject)) for key in keys}
        truth = {name: truth_file(self.results / "simulated", subject, name) for name in names.CEILINGS}
        arrays = {name: load_volume(path).data for name, path in {"dvr": files["dvr"], **truth}.items()}
        regions = load_volume(files["regions"], dtype=np.uint8).data
        return {"maps": load_maps(files), "regions": regions, "files": files, **arrays}

    def references(self):
        """Method -> subject -> DVR: linear models, template where there is one, ceilings."""
        found = {name: {s: patient[name] for s, patient in self.patients.items()} for name in names.CEILINGS}
        maps = {s: patient["maps"] for s, patient in self.patients.items()}
        for method in RIDGE_METHODS:
            ridge = RidgeModel.load(self.fitted / method)
            found[method] = {s: ridge.predict(m.data, m.support) for s, m in maps.items()}
        if (self.fitted / "template/model.json").is_file():
            template = TemplateModel.load(self.fitted / "template")
            routes = {s: {key: p["files"][key] for key in TRANSFORMS} for s, p in self.patients.items()}
            found["template"] = {s: template.predict(m, **routes[s]) for s, m in maps.items()}
        return found

    def run(self, name, seed, changes):
        """Train what is not there yet, predict, score."""
        training = variant_training(self.config["training"], changes.get("training", {}), name=name)
        options = {"flips": self.config["prediction"]["flips"]} | changes.get("prediction", {})
        for method in changes.get("methods", ["sketcher", "refiner"]):
            if (name, seed, method) not in self.scored:
                seconds = self.model(method, training, seed)[1]
                self.score((name, seed, method), self.predict(method, training, seed, options), seconds)

    def model(self, method, training, seed):
        """Folder of a method's model, trained if need be, and the CPU seconds that took."""
        refines = NETWORK_METHODS[method].refines
        sketcher = self.model("sketcher", training, seed)[0] if refines else None
        shaped_by = [method, stage_settings(method, training), training["precision"], seed, str(sketcher)]
        folder = self.out / "models" / f"{method}-{text_hash(shaped_by)[:12]}"
        if not (folder / "cpu.json").is_file():
            options = {"settings": training, "seed": seed, "device": "cpu", "threads": self.threads}
            began = time.process_time()
            train_stage(method, self.scans, folder, sketcher=sketcher, **options)
            (folder / "cpu.json").write_text(json.dumps(time.process_time() - began))
        return folder, json.loads((folder / "cpu.json").read_text())

    def predict(self, method, training, seed, options):
        """Subject -> DVR."""
        refines = NETWORK_METHODS[method].refines
        sketches = self.predict("sketcher", training, seed, options) if refines else {}
        model = NetworkModel.load(self.model(method, training, seed)[0], method=method)
        maps = {s: patient["maps"] for s, patient in self.patients.items()}
        return {s: model.predict(m.data, m.support, sketches.get(s), **options) for s, m in maps.items()}

    def score(self, key, predicted, seconds):
        """Append the scores of a method, (variant, seed, method)."""
        if key in self.scored:
            return
        self.scored.add(key)
        rows = pd.DataFrame([{"subject": s} | self.scores_of(s, dvr) for s, dvr in predicted.items()])
        mean = rows.drop(columns=["subject", "n_lesion_voxels"]).mean().to_frame().T
        mean["cpu_seconds"] = round(seconds, 1)
        for name, table in (("patients", rows), ("scores", mean)):
            keyed = table.assign(**dict(zip(KEY, key, strict=True)))[KEY + list(table)]
            path = self.out / f"{name}.tsv"
            keyed.to_csv(path, sep="\t", index=False, mode="a", header=not path.is_file())
        print(keyed.round(4).to_string(index=False), flush=True)

    def scores_of(self, subject, predicted):
        """Scores of one patient, against the measured DVR and against its part that noise-free tissue gives."""
        patient, k = self.patients[subject], self.config["evaluation"]["k"]
        lesion = patient["regions"] == names.REGION_CODES["lesion"]
        error = predicted - patient["dvr"]
        row = score_demyelination(predicted[lesion], patient["dvr"][lesion], self.threshold, [k])[0]
        return {
            "lesion_mae": float(np.abs(error[lesion]).mean()),
            "lesion_bias": float(error[lesion].mean()),
            **{name: row[name] for name in ("mcc", "auc", "dice", "trivial_dice")},
            "share_bias": row["pct_pred"] - row["pct_true"],
            "error_to_visible": float(np.abs(predicted - patient["visible"])[lesion].mean()),
            "brain_mae": float(np.abs(error[patient["regions"] > 0]).mean()),
            "n_lesion_voxels": int(lesion.sum()),
        }


def compare(table, against):
    """Print what each variant differs by from ``against``, its own sketcher and linear models: mean over patients of
    the mean over the seeds that both have, and its 95 % interval by bootstrap over patients."""
    linear = [("reference", name) for name in RIDGE_METHODS]
    for (variant, method), rows in table[table.variant != "reference"].groupby(KEY[::2], sort=False):
        for other, other_method in ((against, method), (variant, "sketcher"), *linear):
            theirs = table[(table.variant == other) & (table.method == other_method)]
            if other != "reference":
                theirs = theirs[theirs.seed.isin(rows.seed)]
            if theirs.empty or (variant, method) == (other, other_method):
                continue
            mine = rows if other == "reference" else rows[rows.seed.isin(theirs.seed)]
            line = f"{variant} {method} - {other} {other_method} ({mine.seed.nunique()} seeds)"
            for metric in ("lesion_mae", "mcc", "error_to_visible", "lesion_bias"):
                means = [part.groupby("subject")[metric].mean() for part in (mine, theirs)]
                difference = (means[0] - means[1]).dropna().to_numpy()
                draws = subject_draws(len(difference), draws=10000, seed=1) @ difference / len(difference)
                low, high = interval(draws, len(difference), 0.05)
                line += f"  {metric} {difference.mean():+.4f} ({low:+.4f}, {high:+.4f})"
            print(line)


if __name__ == "__main__":
    main()
