"""Run the workflow through Slurm as a user does, with a profile set for the site."""

import re
import signal
import subprocess
import sys
import time

from workflow_run import ROOT, SMOKE

PROFILE = ROOT / "profiles/slurm/config.yaml"
# the lines that a site sets
SITE = {
    "  partition: compute\n": "  partition: ordinary\n",
    "  gpu_request: {slurm_partition: gpu, gpu: 1}\n": "  gpu_request: {slurm_partition: accelerated, gpu: 1}\n",
}


def site_profile(folder, changes=None):
    """Folder with the shipped profile, set for the Slurm of the tests, with further changed lines."""
    text = PROFILE.read_text(encoding="utf-8")
    for line, own in {**SITE, **(changes or {})}.items():
        assert text.count(line) == 1, f"the profile has no longer one line {line!r}"
        text = text.replace(line, own)
    folder.mkdir()
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return folder


def command(folder, profile, *arguments, configs=(SMOKE,)):
    """The command line of a run through Slurm; looks at jobs sooner than a cluster would bear."""
    return [
        *(
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(ROOT / "Snakefile"),
            "--directory",
            str(folder),
        ),
        *("--configfile", *map(str, configs), "--workflow-profile", str(profile)),
        *("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10"),
        *arguments,
    ]


def heed_interrupts():
    """Let a run react to Ctrl-C even if the tests run in the background, where the shell ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Run:
    """A run through Slurm that continues while a test observes it."""

    def __init__(self, slurm, folder, profile, *arguments, configs=(SMOKE,)):
        folder.mkdir(exist_ok=True)
        self.log = folder / "run.txt"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                command(folder, profile, *arguments, configs=configs),
                env={**slurm.environment, "PYTHONPATH": "", "COLUMNS": "300"},
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=heed_interrupts,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def said(self):
        """What the run has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def submitted(self):
        """Slurm's numbers of the jobs of the run, in order."""
        return re.findall(r"submitted with SLURM jobid (\d+)", self.noted)

    @property
    def noted(self):
        """Return the text of Snakemake's log of the run, which has more than the console; blank if there is none
        yet."""
        logs = sorted((self.log.parent / ".snakemake/log").glob("*.snakemake.log"))
        new = [path for path in logs if path.stat().st_mtime >= self.log.stat().st_ctime - 60]
        return new[-1].read_text(encoding="utf-8", errors="replace") if new else ""

    def wait(self, seconds=400):
        """Exit status, when the run has ended."""
        return self.process.wait(seconds)

    def wait_for(self, happened, seconds=180):
        """Wait until a condition is true; fail if the run ends first."""
        end = time.monotonic() + seconds
        while not happened():
            assert self.process.poll() is None, f"the run ended too early:\n{self.said[-6000:]}"
            assert time.monotonic() < end, f"waited for nothing:\n{self.said[-6000:]}"
            time.sleep(0.2)


def finished(slurm, folder, profile, *arguments, seconds=400, **options):
    """Run to the end; fail unless the run succeeds."""
    with Run(slurm, folder, profile, *arguments, **options) as run:
        assert run.wait(seconds) == 0, run.said[-8000:]
    return run
