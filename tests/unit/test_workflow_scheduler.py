"""Snakemake's scheduler: one later look at the waiting jobs at a time."""

import threading
from types import SimpleNamespace

import pytest
from calm_scheduler import look_once_a_second
from snakemake.scheduling.job_scheduler import JobScheduler


@pytest.fixture
def schedule(monkeypatch):
    """The patched method; Snakemake's own comes back afterwards. It exists in the version that was installed."""
    monkeypatch.setattr(JobScheduler, "_schedule_reevalutation", JobScheduler._schedule_reevalutation)
    look_once_a_second()
    return JobScheduler._schedule_reevalutation


def test_however_often_it_is_asked_for_a_look_happens_once_and_then_again(schedule):
    scheduler = SimpleNamespace(_open_jobs=threading.Semaphore(0))
    for _ in range(100):
        schedule(scheduler, 0.05)
    assert scheduler._open_jobs.acquire(timeout=5)
    assert not scheduler._open_jobs.acquire(timeout=0.3)  # Snakemake alone would look 99 times more
    schedule(scheduler, 0.05)
    assert scheduler._open_jobs.acquire(timeout=5)


def test_a_run_that_is_over_does_not_wait_for_a_look(schedule):
    before = set(threading.enumerate())
    schedule(SimpleNamespace(_open_jobs=threading.Semaphore(0)), 60)
    (timer,) = set(threading.enumerate()) - before
    assert timer.daemon
    timer.cancel()


def test_it_is_patched_once(schedule):
    look_once_a_second()
    assert JobScheduler._schedule_reevalutation is schedule
