"""The console's lines on the progress of a run, from Snakemake's own events."""

import re
from pathlib import Path

import pytest
from snakemake_logger_plugin_myelosketch.progress import Progress, duration, what_of
from snakemake_logger_plugin_myelosketch.stages import STAGE_OF, STAGES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def progress():
    """A run of four scans: anatomy, registration, and one report."""
    return Progress({"prepare_anatomy": 4, "register_scan": 4, "write_report": 1, "all": 1, "total": 10})


def test_a_run_of_few_steps_says_nothing_of_estimates():
    assert Progress({"label_scan": 1, "total": 1}).opening() == "To do: regions (1 scan); 1 step in all."


def work(progress, rule, seconds, *, jobs, each):
    """Start and finish jobs one after the other; return the last line."""
    said = ""
    for number, job in enumerate(jobs):
        progress.start(job, rule, {"scan": f"sub-{job:02d}"}, seconds + number * each)
        said = progress.finish(job, seconds + (number + 1) * each)
    return said


def test_the_opening_names_the_stages_with_what_they_count(progress):
    first, how = progress.opening().splitlines()
    assert first == (
        "To do: anatomy (4 scans), registration (4 scans), figures and report (1 file); 10 steps in all."
    )
    assert how.startswith("The time left is estimated from the mean time of each kind of step in this run")


def test_a_line_says_what_runs_and_how_many_of_how_many_scans_are_done(progress):
    work(progress, "prepare_anatomy", 0, jobs=(1, 2), each=5)
    for job in (3, 4):
        progress.start(job, "prepare_anatomy", {"scan": f"sub-{job:02d}"}, 10)
    progress.start(5, "register_scan", {"scan": "sub-01"}, 10)
    assert progress.line(12) == (
        "12 s: anatomy 2 of 4 scans (now: sub-03, sub-04), registration 0 of 4 scans (now: sub-01); 2 of 10 steps"
    )


def test_the_last_scan_of_a_stage_is_worth_a_line_of_its_own(progress):
    assert work(progress, "prepare_anatomy", 0, jobs=(1, 2, 3), each=20) == ""
    assert work(progress, "prepare_anatomy", 60, jobs=(4,), each=20) == "1 min 20 s: anatomy done, 4 scans"
    assert "anatomy" not in progress.line(81)


def test_no_estimate_without_ground(progress):
    work(progress, "prepare_anatomy", 0, jobs=(1, 2, 3), each=60)
    assert progress.left(180) == ""  # three steps
    work(progress, "prepare_anatomy", 180, jobs=(4,), each=60)
    progress.start(5, "register_scan", {"scan": "sub-01"}, 240)
    progress.finish(5, 300)
    assert progress.left(10) == ""  # no more than a moment
    assert progress.left(300) != ""


def test_the_estimate_is_the_mean_of_each_kind_over_what_ran_side_by_side(progress):
    # two at a time: four scans of 100 s in 200 s, then one registration of 300 s in parallel with a second one
    for job in (1, 2, 3, 4):
        progress.start(job, "prepare_anatomy", {"scan": "x"}, 0 if job < 3 else 100)
        if job in (2, 4):
            progress.finish(job - 1, 50 * job)
            progress.finish(job, 50 * job)
    for job in (5, 6):
        progress.start(job, "register_scan", {"scan": "x"}, 200)
    progress.finish(5, 500)
    # one of three registrations of 300 s is finished: 600 s remain for two at a time
    assert progress.left(500) == "about 5 min left"


def test_a_kind_that_has_not_run_makes_the_estimate_a_bound():
    progress = Progress({"prepare_anatomy": 10, "train_network": 6})
    work(progress, "prepare_anatomy", 0, jobs=range(5), each=60)
    assert progress.left(300) == "at least 5 min left"


def test_a_failure_is_said_counted_and_ends_the_estimate(progress):
    work(progress, "prepare_anatomy", 0, jobs=(1, 2, 3, 4), each=60)
    work(progress, "register_scan", 240, jobs=(5,), each=60)
    progress.start(6, "register_scan", {"scan": "sub-02"}, 300)
    assert progress.fail(6, "logs/a.log", 305) == (
        "5 min 5 s: registration failed for sub-02 (register_scan); its log: logs/a.log"
    )
    assert progress.fail(6, "logs/a.log", 305) == ""  # said once
    assert progress.line(306) == "5 min 6 s: registration 1 of 4 scans; 5 of 10 steps, 1 failed"
    progress.start(6, "register_scan", {"scan": "sub-02"}, 310)  # another attempt
    assert "failed" not in progress.line(311)


def test_on_a_cluster_a_job_may_wait_and_many_are_counted():
    progress = Progress({"score_scan": 6}, queued=True)
    for job in range(6):
        progress.start(job, "score_scan", {"folder": "evaluation", "scan": f"s{job}"}, 0)
    assert progress.line(3).startswith(
        "3 s: evaluation 0 of 6 scans (queued or running: s0, s1, s2 and 3 more)"
    )


def test_where_nobody_says_when_a_job_starts_steps_are_counted_and_no_time_is_estimated():
    progress = Progress({"score_scan": 6, "write_report": 1}, queued=True)
    assert progress.opening() == "To do: evaluation (6 scans), figures and report (1 file); 7 steps in all."
    for job in range(5):
        assert progress.finish(job, 60, "score_scan") == ""
    assert progress.line(90) == "1 min 30 s: evaluation 5 of 6 scans; 5 of 7 steps"
    assert progress.finish(5, 100, "score_scan") == "1 min 40 s: evaluation done, 6 scans"


@pytest.mark.parametrize(
    ("rule", "wildcards", "what"),
    [
        ("train_network", {"fold": "1", "method": "refiner"}, "fold 1 refiner"),
        ("predict_scan", {"folder": "external/", "scan": "sub-01"}, "sub-01"),
        ("write_report", {}, "write report"),
    ],
)
def test_a_job_is_called_by_what_it_treats(rule, wildcards, what):
    assert what_of(rule, wildcards) == what


@pytest.mark.parametrize(
    ("seconds", "words"), [(59.6, "1 min 0 s"), (3725, "1 h 2 min"), (7.2, "7 s"), (0, "0 s")]
)
def test_a_duration_in_words(seconds, words):
    assert duration(seconds) == words


def test_rules_of_a_study_count_as_those_of_the_workflow_that_it_uses():
    progress = Progress({"inside_register_scan": 2, "edge_register_scan": 1, "compare_ladder": 1, "total": 4})
    assert progress.planned == {"register_scan": 3, "compare_ladder": 1}
    progress.start(1, "inside_register_scan", {"scan": "sub-MS01"}, 0.0)
    assert progress.line(20.0) == "20 s: registration 0 of 3 scans (now: sub-MS01); 0 of 4 steps"


def test_every_rule_with_a_script_has_its_stage_and_no_stage_has_a_rule_that_is_gone():
    found = {}
    for path in [*(ROOT / "rules").glob("*.smk"), *(ROOT / "studies").glob("*/Snakefile")]:
        for block in re.split(r"\n(?=rule |use rule )", path.read_text())[1:]:
            name = re.match(r"(?:use )?rule (?:\w+ (?:from \w+ )?as )?(\w+|\*)", block)[1]
            if "    script:" in block or block.startswith("use"):
                found[name] = path.suffix
    assert {name for name, suffix in found.items() if suffix == ".smk"} <= set(STAGE_OF) <= set(found)
    assert len(STAGE_OF) == sum(len(stage.counted + stage.others) for stage in STAGES)
