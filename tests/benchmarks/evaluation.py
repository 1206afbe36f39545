"""The cost from stored predictions to the report: the workflow's own jobs, with their start-up.

    python tests/benchmarks/evaluation.py RESULTS [--subjects 14 28] [--methods 6] [--voxel 2.0] [--cores 2]

RESULTS is the results folder of a finished run on the simulated cohort. For each number of participants a project of
its own is built: the stored images on a finer grid (2 mm), methods that the run did not train as perturbed copies of
those it did, and nothing that is made from scores. Then Snakemake runs every rule of evaluation, statistics, figures
and report there. Printed: jobs, wall and CPU seconds of everything, CPU seconds in jobs, and how much of these goes
into starting them (Python and imports, measured by starting each script without its work); the highest memory of
all processes together (what they share counts once); and the CPU seconds of each rule for the last number of
participants. On a machine with other work the wall time says little, and CPU seconds are a third higher or more.
"""

import argparse
import ast
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import psutil
import yaml
from scipy.ndimage import affine_transform, gaussian_filter

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow_scripts"
sys.path.insert(0, str(LIBRARY))

from myelosketch.io import names  # noqa: E402
from myelosketch.io.provenance import sidecar_path  # noqa: E402
from myelosketch.io.tables import read_table, write_table  # noqa: E402
from myelosketch.io.volumes import save_volume  # noqa: E402
from myelosketch.simulation.cohort import truth_files  # noqa: E402

ROOMS = ("evaluation", "statistics", "figures", "figures_quality", "figures_ours", "reporting")
IMAGES = ("dvr", "mtr", "fa", "rd", "ad", "fractions", "regions")
COPIED = ("xfm_t1w_to_petref", "xfm_t1w_to_mni", "regions_table")
# tables of earlier stages that the report shows, with the column that names a participant or a scan
EARLIER = {
    "evaluation/region_volumes.tsv": "scan",
    "evaluation/registration_error.tsv": "scan",
    "registration/qc.tsv": "scan",
    "registration/admitted.tsv": "scan",
    "cohort/folds.tsv": "subject",
    "cohort/intake.tsv": "scan",
    "cohort/admitted.tsv": "scan",
}
# left by every Python process of the run: what it ran, and its CPU seconds
WITNESS = """
import atexit, os, sys, time
def _leave():
    with open(os.environ["BENCHMARK_PROCESSES"], "a") as log:
        log.write(f"{os.path.basename((getattr(sys, 'argv', None) or ['-'])[0])}\\t{time.process_time()}\\n")
atexit.register(_leave)
"""


def rules():
    """Names of the rules from scoring to the report."""
    text = "\n".join((ROOT / f"rules/{room}.smk").read_text() for room in ROOMS)
    return re.findall(r"^(?:rule|use rule \w+ as) (\w+)", text, re.MULTILINE)


def resampled(path, voxel, *, labels=False):
    """A stored volume or series on a grid of cubic voxels that begins where its own begins: array and affine."""
    image = nib.load(path)
    data, affine = np.asarray(image.dataobj), image.affine.copy()
    step = voxel / np.linalg.norm(affine[:3, :3], axis=0)
    shape = tuple(int(n) for n in np.ceil(np.array(data.shape[:3]) / step))
    affine[:3, :3] *= step
    options = {"output_shape": shape, "order": 0 if labels else 1, "mode": "nearest"}
    volumes = np.moveaxis(data.reshape(*data.shape[:3], -1), 3, 0)
    fine = np.stack([affine_transform(one, np.diag(step), **options) for one in volumes], axis=3)
    return fine.reshape(*shape, *data.shape[3:]), affine


def store(source, target, data, affine):
    """Save a volume with the sidecar of the one it comes from."""
    target.parent.mkdir(parents=True, exist_ok=True)
    save_volume(target, data, affine)
    if sidecar_path(source).is_file():
        sidecar_path(target).write_text(sidecar_path(source).read_text())


def copy(source, target):
    """Copy one file, making its folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


def write_scan(run, results, scan, group, methods, voxel, generator):
    """Everything that the evaluation reads of one scan."""
    for key in COPIED:
        copy(Path(names.path(run, key, scan=scan)), Path(names.path(results, key, scan=scan)))
    for key in IMAGES:
        source, target = (Path(names.path(root, key, scan=scan)) for root in (run, results))
        data, affine = resampled(source, voxel, labels=key == "regions")
        store(source, target, data.astype(np.uint8) if key == "regions" else data, affine)
        if key == "regions":
            brain = data > 0
    trained = [
        name for name in names.METHODS if Path(names.path(run, "predicted", scan=scan, method=name)).is_file()
    ]
    for number, method in enumerate(methods):
        source = Path(names.path(run, "predicted", scan=scan, method=(trained[number % len(trained)])))
        if method in trained:
            source = Path(names.path(run, "predicted", scan=scan, method=method))
        data, affine = resampled(source, voxel)
        if method not in trained:
            data = data + brain * gaussian_filter(generator.normal(0, 0.3, data.shape), 1.5)
        store(source, Path(names.path(results, "predicted", scan=scan, method=method)), data, affine)
    subject = names.subject_of(scan)
    for key, path in truth_files("simulated", subject, group).items():
        source, target = run / path, results / path
        if key in names.CEILINGS:
            store(source, target, *resampled(source, voxel))
        elif key in ("lesions", "lesion_table", "poses"):
            copy(source, target)


def build(run, project, subjects, methods, voxel):
    """A project with everything but what the evaluation makes; the configuration that describes it."""
    cohort = read_table(run / "cohort/cohort.tsv")
    n_patients = round(subjects * (cohort.group == "MS").mean())
    counts = {"MS": n_patients, "HC": subjects - n_patients}
    people = pd.concat([cohort[cohort.group == group].head(n) for group, n in counts.items()])
    if len(people) < subjects:
        sys.exit(f"{run} holds {len(cohort)} participants, fewer than the {subjects} asked for.")
    results, generator = project / "results", np.random.default_rng(1)
    for row in people.itertuples():
        write_scan(run, results, row.scan, row.group, methods, voxel, generator)
    for name, column in EARLIER.items():
        table = read_table(run / name)
        keep = table[column].isin(people[column]) if column in table else slice(None)
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        write_table(table[keep], results / name)
    for name in ("registration/qc.html", "cohort/intake.html"):
        copy(run / name, results / name)
    for history in run.glob("training/fold-*/*/history.tsv"):
        copy(history, results / history.relative_to(run))
    copy(results / "cohort/folds.tsv", project / "folds.tsv")
    config = {
        "cohort": {"source": "simulate"},
        "simulation": {"n_patients": counts["MS"], "n_controls": counts["HC"]},
        "folds": {"file": "folds.tsv"},
        "training": {"methods": list(methods)},
    }
    (project / "config.yaml").write_text(yaml.safe_dump(config))


def watch(process, peak):
    """Keep the highest memory of a process and all it started, MB, until it ends."""
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        total = 0
        for one in [process, *process.children(recursive=True)]:
            try:
                total += one.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        peak[0] = max(peak[0], total / 2**20)
        time.sleep(0.5)


def snakemake(project, cores):
    """Run the rules of the evaluation in a project: wall seconds, CPU seconds, peak memory in MB, CPU by process."""
    (project / "witness").mkdir(exist_ok=True)
    (project / "witness/sitecustomize.py").write_text(WITNESS)
    log = project / "processes.tsv"
    environment = os.environ | {"PYTHONPATH": str(project / "witness"), "BENCHMARK_PROCESSES": str(log)}
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", "config.yaml", "--workflow-profile", str(ROOT / "profiles/default")]
    command += ["--cores", str(cores), "--rerun-triggers", "mtime"]
    command += ["--allowed-rules", "evaluation", "figures", "write_cohort", *rules(), "--"]
    command += ["results/report.html", "evaluation", "figures"]
    before, start, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), [0.0]
    with open(project / "console.txt", "w") as console:
        running = subprocess.Popen(command, cwd=project, env=environment, stdout=console, stderr=console)
        watcher = threading.Thread(target=watch, args=(psutil.Process(running.pid), peak))
        watcher.start()
        code = running.wait()
        watcher.join()
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        sys.exit(f"The run failed:\n{(project / 'console.txt').read_text()[-4000:]}")
    spent = sum(getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))
    processes = pd.read_csv(log, sep="\t", names=["process", "cpu"])
    processes["script"] = processes.process.str.extract(r"\.([a-z_]+\.py)$")[0]
    return wall, spent, peak[0], processes.dropna(subset=["script"])


def start_cost(script):
    """CPU seconds of starting the script of a job: Python, Snakemake's object and the imports, without the work."""
    tree = ast.parse((LIBRARY / script).read_text())
    lines = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    code = "\n".join(["from snakemake import script", *(ast.unparse(line) for line in lines)])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {
        "PYTHONPATH": str(LIBRARY),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))


def main():
    """Print one line per number of participants, then the rules of the last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="results folder of a finished run on the simulated cohort")
    parser.add_argument("--subjects", nargs="+", type=int, default=[14, 28])
    parser.add_argument("--methods", type=int, default=6, help="predictions, beside the three ceilings")
    parser.add_argument("--voxel", type=float, default=2.0)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder in which the projects are built, and left")
    chosen = parser.parse_args()
    wanted = ("refiner", "sketcher", "ridgemeans", "template", "unet", "dnn2", "unetroi")[: chosen.methods]
    methods = [name for name in names.METHODS if name in wanted]
    starts = {}
    columns = ("subjects", "jobs", "wall s", "CPU s", "in jobs", "start-up s", "share", "peak MB")
    print("".join(f"{name:>11}" for name in columns))
    for subjects in chosen.subjects:
        with tempfile.TemporaryDirectory() as temporary:
            project = (chosen.keep or Path(temporary)).resolve() / f"subjects-{subjects}"
            build(chosen.run.resolve(), project, subjects, methods, chosen.voxel)
            wall, spent, peak, processes = snakemake(project, chosen.cores)
        for script in set(processes.script) - set(starts):
            starts[script] = start_cost(script)
        starting = processes.script.map(starts).sum()
        inside = processes.cpu.sum()  # the rest is Snakemake's own process
        figures = (wall, spent, inside, starting, starting / inside, peak)
        shown = [f"{value:.{digits}f}" for value, digits in zip(figures, (0, 0, 0, 0, 2, 0), strict=True)]
        print("".join(f"{cell:>11}" for cell in (subjects, len(processes), *shown)), flush=True)
    table = processes.groupby("script").cpu.agg(["count", "sum"]).assign(start=pd.Series(starts))
    print(f"\n{'rule':<36}{'jobs':>5}{'CPU s each':>12}{'of it start':>12}")
    for script, row in table.sort_values("sum", ascending=False).iterrows():
        print(f"{script[:-3]:<36}{row['count']:>5.0f}{row['sum'] / row['count']:>12.2f}{row.start:>12.2f}")


if __name__ == "__main__":
    main()
