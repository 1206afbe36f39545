"""What jobs took: known benchmarks give known requests, and what was not measured is not claimed."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from myelosketch import names
from myelosketch.errors import InputError
from myelosketch.provenance import write_json, write_text
from myelosketch.reporting import job_voxels, resources
from myelosketch.volumes import save_volume

ROOT = Path(__file__).parents[2]
HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
IMAGING = {"environment": "imaging", "mem_mb": 3000, "runtime": 20}
RULES = {
    "prepare_anatomy": IMAGING,
    "register_scans": IMAGING,
    "label_scans": IMAGING | {"mem_mb": 100},
    "train_refiner": {"environment": "learning", "mem_mb": 900, "runtime": 240},
    "fit_template": {"environment": "learning", "mem_mb": None, "runtime": None},
    "write_report": {"environment": "statistics", "mem_mb": 1000, "runtime": 10},
}


def benchmark(root, job, *, s, rss="100.00", out="1.00", cpu="1.00"):
    write_text(
        root / f"benchmarks/{job}.tsv",
        f"{HEADER}\n{s}\t0:00:01\t{rss}\t9.00\t9.00\t9.00\t2.00\t{out}\t80.00\t{cpu}\n",
    )


@pytest.fixture
def run(tmp_path):
    """Results of three scans: T1w of 1,000, 2,000 and 1,000 voxels, PET of 500 each, one model."""
    root = tmp_path / "results"
    lines, folds = ["scan\tsubject\tgroup\tT1w"], ["subject\tgroup\tfold"]
    for subject, group, size, fold in (("01", "MS", 10, 1), ("02", "HC", 20, 2), ("03", "HC", 10, 2)):
        scan = f"sub-{subject}"
        t1w, dvr = tmp_path / f"{scan}_T1w.nii.gz", Path(names.path(root, "dvr", scan=scan))
        dvr.parent.mkdir(parents=True)
        save_volume(t1w, np.ones((10, 10, size), np.float32), np.eye(4))
        save_volume(dvr, np.ones((10, 10, 5), np.float32), np.eye(4))
        lines.append(f"{scan}\t{subject}\t{group}\t{t1w}")
        folds.append(f"{subject}\t{group}\t{fold}")
        benchmark(root, f"prepare_anatomy/{scan}", s=30, rss=f"{400 + size}.00", cpu="20.00")
        benchmark(root, f"register_scans/{scan}", s="2.00", rss="200.00", out="150.00")
        benchmark(root, f"label_scans/fold-{fold}_part-1", s="0.60", rss="3.00")
        record = root / f"regions/fold-{fold}_part-1.tsv"
        known = record.read_text() if record.is_file() else "scan\tname\n"
        write_text(record, f"{known}{scan}\tother\n{scan}\tnawm\n")
    write_text(root / "cohort/cohort.tsv", "\n".join(lines) + "\n")
    write_text(root / "cohort/folds.tsv", "\n".join(folds) + "\n")
    settings = {"crop": [8, 8, 8], "batch": 2, "steps_per_epoch": 50, "epochs": 4}
    card = {"settings": settings, "epochs": 4}
    write_json(root / "training/fold-1/refiner/model.json", card)
    write_json(root / "ablations/some_variant/seed-7/fold-1/refiner/model.json", card)
    benchmark(root, "train_refiner/fold-1", s="1200.00", rss="1000.00")
    benchmark(root, "train_ablation/some_variant_seed-7_fold-1_refiner", s="600.00", rss="900.00")
    benchmark(root, "fit_template/fold-1", s="2.00", rss="300.00")
    benchmark(root, "write_report", s="0.40", rss="NA", out="NA", cpu="NA")
    return root


@pytest.fixture
def table(run):
    return resources.resources_table(run, rules=RULES).set_index("rule")


def test_requests_follow_from_the_largest_job(table):
    row = table.loc["prepare_anatomy"]
    assert (row.jobs, row.largest_memory_mb, row.wall_seconds, row.cpu_seconds) == (3, 420, 30, 20)
    assert (row.mem_mb, row.runtime) == (600, 5)  # 1.3 x 420 = 546; 3 x 30 s is below the least
    assert table.loc["train_refiner", ["mem_mb", "runtime"]].tolist() == [1300, 60]
    assert table.loc["register_scans", "disk_mb"] == 200


def test_each_family_counts_its_own_voxels(table):
    assert table.loc["prepare_anatomy", ["per", "voxels", "grids"]].tolist() == ["T1w", 2000 / 1e6, 2]
    assert table.loc["register_scans", ["per", "voxels", "grids"]].tolist() == ["petref", 500 / 1e6, 1]
    # fold 2 holds two scans out: one image at a time, both worked through
    assert table.loc["label_scans", ["per", "voxels"]].tolist() == ["petref", 500 / 1e6]
    assert table.loc["label_scans", "worked_voxels"] == 1000 / 1e6
    # fold 1 holds 01 out, so both controls are in training
    assert table.loc["fit_template", ["per", "voxels"]].tolist() == [
        "petref of training controls",
        1000 / 1e6,
    ]
    for rule in ("train_refiner", "train_ablation"):
        training = table.loc[rule]
        assert (training.per, training.voxels) == ("crops of a step", 1024 / 1e6)
        assert training.worked_voxels == pytest.approx(1024 * 200 / 1e6)
    assert table.loc["write_report", "per"] == "run"
    assert np.isnan(table.loc["write_report", "voxels"])


def test_the_model_of_memory_reaches_every_job_it_rests_on(table):
    for rule, environment_base in (("prepare_anatomy", 200), ("train_refiner", 300)):
        row = table.loc[rule]
        assert row.base_mb == environment_base
        assert row.base_mb + row.mb_per_million_voxels * row.voxels >= row.largest_memory_mb - 1e-9
    # the steeper of its two grids: 210 MB more on 1,000 voxels
    assert table.loc["prepare_anatomy", "mb_per_million_voxels"] == pytest.approx(210 / 1000 * 1e6)
    assert table.loc["prepare_anatomy", "seconds_per_million_voxels"] == pytest.approx(30 / 1000 * 1e6)


def test_memory_of_a_job_that_ended_before_it_was_looked_at_is_not_given(table):
    for rule in ("label_scans", "write_report"):
        assert table.loc[rule, "memory_seen"] == "no"
        assert table.loc[rule, ["largest_memory_mb", "mem_mb", "cpu_seconds"]].isna().all()
        assert table.loc[rule, "runtime"] == 5
    assert table.loc["register_scans", "memory_seen"] == "throughout"
    assert table.loc["prepare_anatomy", "memory_seen"] == "first 15 s"


def test_requests_are_judged_against_what_was_measured(table):
    assert table.loc["train_refiner", "memory_verdict"] == "too small"  # 900 asked, 1000 held
    assert table.loc["train_refiner", "runtime_verdict"] == "fits"  # 240 is four times 60
    assert table.loc["register_scans", "memory_verdict"] == "wide"
    assert table.loc["fit_template", "memory_verdict"] is None  # what it asks for is no number
    assert table.loc["label_scans", "memory_verdict"] is None  # not measured


def test_three_files_are_written_and_say_so(run, tmp_path):
    paths = [tmp_path / f"resources.{kind}" for kind in ("tsv", "yaml", "md")]
    resources.write_resources(*paths, root=run, rules=RULES)
    asked = yaml.safe_load(paths[1].read_text())["set-resources"]
    assert asked["register_scans"] == {"mem_mb": "300 * attempt", "runtime": "5 * attempt", "disk_mb": 200}
    assert asked["label_scans"] == {"runtime": "5 * attempt"}
    page = paths[2].read_text()
    assert "`train_refiner` asks for memory: too small (900, suggested 1300)." in page
    assert "That is a model" in page
    assert "nan" not in page


def test_snakemake_takes_the_block_as_part_of_a_profile(run, tmp_path):
    (tmp_path / "profile").mkdir()
    table = resources.resources_table(run, rules=RULES)
    (tmp_path / "profile/config.yaml").write_text(resources.profile_text(table) + "cores: 1\n")
    (tmp_path / "Snakefile").write_text(
        "rule register_scans:\n    output: 'a'\n    resources: mem_mb=9999, runtime=99\n    shell: 'touch a'\n"
    )
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--profile", "profile"]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=True)
    said = done.stdout + done.stderr
    assert re.search(r"mem_mb=300\b", said)
    assert re.search(r"runtime=5\b", said)


def test_a_run_without_benchmarks_ends_in_one_sentence(tmp_path):
    with pytest.raises(
        InputError, match=r"benchmarks holds no benchmark of a finished job: run the workflow first\.$"
    ):
        resources.resources_table(tmp_path / "results", rules=RULES)


def test_deleted_images_leave_their_voxels_missing(run):
    Path(names.path(run, "dvr", scan="sub-01")).unlink()
    table = resources.resources_table(run, rules=RULES).set_index("rule")
    assert table.loc["register_scans", "jobs"] == 3
    assert table.loc["register_scans", "grids"] == 1


def test_the_table_is_made_anew_when_a_benchmark_changes(run):
    before = resources.benchmarks_state(run / "benchmarks")
    benchmark(run, "write_resources_table", s="1.00")  # its own does not count
    assert resources.benchmarks_state(run / "benchmarks") == before
    benchmark(run, "write_report", s="1.00")
    assert resources.benchmarks_state(run / "benchmarks") != before


def test_requests_of_rules_are_read_where_they_are_numbers():
    def rule(**asked):
        return SimpleNamespace(name="a", conda_env="../envs/imaging.yaml", resources=asked)

    def number(value):
        return SimpleNamespace(value=value)

    found = resources.describe_rules([rule(mem_mb=number(500), runtime=number("5 * attempt"))])
    assert found == {"a": {"environment": "imaging", "mem_mb": 500, "runtime": None}}


def test_every_rule_of_a_family_exists():
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    known = set(re.findall(r"^rule (\w+):|^use rule \w+ as (\w+) with", text, flags=re.M))
    known = {name for pair in known for name in pair if name}
    families = [*job_voxels.PER_SCAN.values(), *job_voxels.PER_FOLD.values(), job_voxels.PER_CROP]
    assert {rule for family in families for rule in family} <= known
