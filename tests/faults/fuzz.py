"""Spoilt files in large numbers: every reader ends with a value or with one of the project's own sentences.

    python tests/faults/fuzz.py --executions 1000000 --seed 1 [reader ...]

prints a table of readers, executions, CPU seconds and findings. An execution is one call of a reader with one spoilt
file. A finding is another error than the project's own, more than 5 CPU seconds, or an allocation beyond MOST_BYTES:
every seed is a file of some kilobytes. The case is written below --keep and belongs, corrected, into
tests/unit/test_hostile_files.py.
"""

import argparse
import faulthandler
import logging
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "unit"), str(HERE.parents[1] / "workflow_scripts")]

import numpy as np  # noqa: E402
from fuzz_readers import readers  # noqa: E402

from myelosketch.errors import MyelosketchError  # noqa: E402

LONGEST_S = 5.0
# of address space, more than what the program has when the first file is read
MOST_BYTES = 2**29


class TooSlowError(BaseException):
    """A reader that takes more CPU time than LONGEST_S."""


def main(arguments=None):
    """Run the command line; the number of findings decides the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executions", type=int, default=100_000, help="over all readers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=None, help="folder for the files that a finding needs")
    parser.add_argument("reader", nargs="*")
    options = parser.parse_args(arguments)
    faulthandler.enable()  # a reader that ends the whole process leaves its place
    rows = fuzz(options.executions, options.seed, options.reader, keep=options.keep)
    print("| reader | executions | CPU seconds | findings |\n|---|---|---|---|")
    for name, (count, seconds, findings) in rows.items():
        print(f"| {name} | {count} | {seconds:.1f} | {len(findings)} |")
    count, seconds = (sum(row[place] for row in rows.values()) for place in (0, 1))
    found = [f"{name}: {words}" for name, row in rows.items() for words in row[2]]
    print(f"| all | {count} | {seconds:.1f} | {len(found)} |")
    for words in found:
        print(words)
    return 1 if found else 0


def fuzz(executions, seed, chosen=(), *, keep=None):
    """Read spoilt files with the chosen readers, or all.

    Returns
    -------
    dict : name of a reader -> (executions, CPU seconds, findings: dict of its place and error -> content)
    """
    memory = Path("/dev/shm")
    logging.getLogger("nibabel").setLevel(logging.CRITICAL)
    root = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    handler = signal.signal(signal.SIGPROF, _stop)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    try:
        known = readers(root)
        unknown = set(chosen) - set(known)
        if unknown:
            raise SystemExit(f"no reader {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        names = list(chosen) or list(known)
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MOST_BYTES, limits[1]))
        share = -(-executions // len(names))
        rows = {}
        for name in names:
            rows[name] = _fuzz_one(known[name], share, seed, keep)
            print(
                f"{name}: {rows[name][0]} executions, {len(rows[name][2])} findings",
                file=sys.stderr,
                flush=True,
            )
        return rows
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGPROF, handler)
        shutil.rmtree(root)


def _fuzz_one(reader, executions, seed, keep):
    # a text, because its hash of a tuple differs from one Python to the next
    source = random.Random(f"{seed} {reader.name}")
    findings, start, done = {}, time.process_time(), 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        while done < executions:
            content = source.choice(reader.spoil)(source, source.choice(reader.seeds))
            for call in reader.read(content):
                found = _outcome(call)
                done += 1
                if found and found not in findings:
                    findings[found] = content
                    if keep:
                        keep.mkdir(parents=True, exist_ok=True)
                        (keep / f"{reader.name}-{len(findings)}").write_bytes(content)
    return done, time.process_time() - start, findings


def _outcome(call):
    """What an execution has against the promise: blank if nothing."""
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    try:
        call()
    except MyelosketchError as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        return "" if str(error).strip() else "an error without words"
    except (Exception, TooSlowError) as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        frames = traceback.extract_tb(error.__traceback__)
        ours = [
            frame for frame in frames if "myelosketch" in frame.filename and "/tests/" not in frame.filename
        ]
        place = ours[-1] if ours else frames[-1]
        return (
            f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno} ({frames[-1].name})"
        )
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


def _stop(number, frame):
    raise TooSlowError(f"more than {LONGEST_S:g} CPU seconds")


def _address_space():
    """Bytes of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
