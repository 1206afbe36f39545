"""A Slurm for tests on this machine: munge, slurmctld and slurmd with their own folder, key and ports."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
PLACES = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])
# Four jobs in parallel on any machine, and nominal memory that need not exist: requests are checked against these
# numbers. A node without a daemon represents a partition without GPU. Slurm enforces memory by checking processes
# each second, because control groups are seldom available. A requeued job waits for cred_expire.
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,bf_interval=5
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MinJobAge=7200
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 Gres=gpu:1 State=UNKNOWN
NodeName=plain NodeHostname=plain NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=64000 State=DOWN
PartitionName=ordinary Nodes=node Default=YES MaxTime=INFINITE State=UP
PartitionName=accelerated Nodes=node MaxTime=INFINITE State=UP
PartitionName=gpuless Nodes=plain MaxTime=INFINITE State=UP
"""


def missing():
    """Names of the programs that are not on this machine; Debian has them in slurm-wlm and munge."""
    return [name for name in PROGRAMS if shutil.which(name, path=PLACES) is None]


class SlurmSite:
    """A running Slurm of one node with one GPU (a name without a device); a context that stops what it started."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.daemons = {}
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(self.folder / "bin"), PLACES]),
        }

    def __enter__(self):
        self._write()
        try:
            self._start("munged", "--foreground", "--force", *self._munge_files())
            self._await((self.folder / "munge/socket").exists, "munged has no socket")
            self.start_controller()
            self._start("slurmd", "-D", "-N", "node")
            self._await(
                lambda: "idle" in self.ask("sinfo", "-h", "-n", "node", "-o", "%T"), "the node is not idle"
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if "slurmd" in self.daemons and self.daemons["slurmctld"].poll() is None:
            self.ask("scancel", "--user", getpass.getuser())
            with contextlib.suppress(AssertionError):
                self._await(lambda: not self.jobs(), "jobs are left", seconds=40)
        for name in ("slurmctld", "slurmd", "munged"):
            self.stop(name)

    def start_controller(self):
        """Start slurmctld, also after `stop`: it reads its state again."""
        self._start("slurmctld", "-D")
        self._await(lambda: self.ask("sinfo", "-h"), "slurmctld does not answer")

    def stop(self, name):
        """End one daemon, and wait for its end."""
        daemon = self.daemons.pop(name, None)
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def ask(self, *command):
        """What one of Slurm's commands prints; nothing if it fails."""
        done = subprocess.run(
            command, env=self.environment, text=True, capture_output=True, check=False, timeout=60
        )
        return done.stdout if done.returncode == 0 else ""

    def jobs(self, *, states="PENDING,RUNNING,COMPLETING"):
        """Jobs in these states: dicts of id, state, partition, comment (as Snakemake's plugin names the rule)."""
        keys = ("id", "state", "partition", "comment")
        lines = self.ask("squeue", "-h", "-t", states, "-o", "%i|%T|%P|%k").splitlines()
        return [dict(zip(keys, line.split("|"), strict=True)) for line in lines]

    def describe(self, job):
        """Lines of ``scontrol show job`` with details, as a dict of the words before and after each "="."""
        words = self.ask("scontrol", "-d", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def _write(self):
        host = socket.gethostname().split(".")[0]
        for name in ("munge", "state", "spool", "bin"):
            (self.folder / name).mkdir(mode=0o700)
        (self.folder / "munge/key").write_bytes(os.urandom(128))
        (self.folder / "munge/key").chmod(0o400)
        settings = {"host": host, "user": getpass.getuser(), "folder": self.folder, "ports": free_ports(3)}
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**settings))
        (self.folder / "gres.conf").write_text("NodeName=node Name=gpu File=/dev/null\n")
        # Snakemake's plugin takes all variables SLURM_* from a job, so srun would look for /etc/slurm/slurm.conf
        srun = self.folder / "bin/srun"
        real = shutil.which("srun", path=PLACES)
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {real} "$@"\n')
        srun.chmod(0o755)

    def _munge_files(self):
        names = {
            "socket": "socket",
            "key-file": "key",
            "pid-file": "pid",
            "log-file": "log",
            "seed-file": "seed",
        }
        return [f"--{option}={self.folder / 'munge' / name}" for option, name in names.items()]

    def _start(self, name, *arguments):
        with (self.folder / f"{name}.out").open("a") as output:
            self.daemons[name] = subprocess.Popen(
                [shutil.which(name, path=PLACES), *arguments],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def _await(self, happened, otherwise, seconds=60):
        end = time.monotonic() + seconds
        while not happened():
            ended = [name for name, daemon in self.daemons.items() if daemon.poll() is not None]
            if ended or time.monotonic() > end:
                said = "\n".join(
                    path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.[lo][ou][gt]")
                )
                raise AssertionError(f"Slurm for the tests: {otherwise}; ended: {ended}\n{said}")
            time.sleep(0.2)


def free_ports(count):
    """Ports of the loopback interface that nothing listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
