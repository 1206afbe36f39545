"""Make the virtual environment, as make does: python3 envs/install.py FOLDER [PYTHON].

Every Python from 3.6 on can read this file, so that an unsuitable one ends in a sentence.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse

SUITABLE = ((3, 13), (3, 12), (3, 11))
NAMES = (*(f"python3.{minor}" for _, minor in SUITABLE), "python3")
# never used, but named in the message if there is no suitable one
OTHERS = tuple(f"python3.{minor}" for minor in (*range(19, 13, -1), *range(10, 5, -1)))
ASK = """import sys
try:
    import ensurepip, venv
except ImportError:
    venv = None
print(sys.version_info[0], sys.version_info[1], int(venv is not None))"""
# measured: with PyTorch for CPUs, and with the libraries for NVIDIA GPUs that its other builds bring
SIZE_GB, SIZE_CUDA_GB = 1.8, 5.8
NO_NETWORK = re.compile("connection broken|Max retries exceeded|Could not fetch URL|timed out")
NO_SPACE = re.compile("No space left on device|Disk quota exceeded")
ASKED = re.compile(r"^(?:Collecting|Processing) (\S+)", re.M)
# a package's file: name, version, size; files that end in .whl.metadata are not packages
GOT = re.compile(
    r"^ *(Downloading|Using cached|Processing) (?:\S*/)?([^\s/-]+)-([^\s-]+?)(?:-\S+)?\.(?:whl|tar\.gz)"
    r"(?: \(([\d.]+ [kMG]?B)\)| \(from .*)?$",
    re.M,
)
INSTALLING = re.compile("^Installing collected packages: (.+)", re.M)


class InstallError(Exception):
    """A sentence for the user."""


def ask(name):
    """Version of a Python and whether it can make environments; None if there is no such Python."""
    try:
        answer = subprocess.check_output([name, "-c", ASK], stderr=subprocess.DEVNULL).split()
        return (int(answer[0]), int(answer[1])), answer[2] == b"1"
    except (OSError, subprocess.CalledProcessError):
        return None


def choose(wanted):
    """Name of the Python to take: the wanted one, or the first that is suitable and can make environments."""
    answers = {name: ask(name) for name in ([wanted] if wanted else NAMES)}
    suitable = [name for name, answer in answers.items() if answer and answer[0] in SUITABLE]
    for name in suitable:
        if answers[name][1]:
            return name
    if suitable:
        raise InstallError(
            f"{suitable[0]} lacks the modules venv and ensurepip, which make a virtual environment: install them "
            f"(on Debian and Ubuntu: apt install {os.path.basename(suitable[0])}-venv), then type make again."
        )
    answers.update({} if wanted else {name: ask(name) for name in OTHERS})
    found = [f"{name} ({answer[0][0]}.{answer[0][1]})" for name, answer in answers.items() if answer]
    raise InstallError(
        f"Python 3.11, 3.12 or 3.13 is needed, and {', '.join(found) or 'no ' + (wanted or 'Python')} was found: "
        "install one of the three, or name one with make PYTHON=/path/to/python3.13."
    )


def check_space(folder, needed_gb):
    """Raise an error if the disk has too little space for the environment."""
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(folder))).free / 1e9
    if free < needed_gb:
        raise InstallError(
            f"The environment needs {needed_gb} GB, and the disk of {os.path.abspath(folder)} "
            f"has {free:.1f} GB free: make room there, then type make again."
        )


def make_anew(python, folder):
    """Make an empty environment, replacing the remains of an interrupted installation or a removed Python."""
    shutil.rmtree(folder, ignore_errors=True)
    check_space(folder, SIZE_GB)
    command = [python, "-m", "venv", "--clear", folder]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode:
        words = made.stdout.decode(errors="replace").split("\n")[-2:-1] or ["without a word"]
        raise InstallError(f"{' '.join(command)} failed: {words[0]}")


def pip(folder, *arguments):
    """Start an installation by pip, whose words go to a log."""
    with open(os.path.join(folder, "install.log"), "wb") as log:
        return subprocess.Popen(
            [
                f"{folder}/bin/python",
                "-m",
                "pip",
                "install",
                "--no-input",
                "--progress-bar",
                "off",
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONUNBUFFERED="1"),
        )


def words(folder):
    """Return the output of pip so far."""
    with open(os.path.join(folder, "install.log"), encoding="utf-8", errors="replace") as log:
        return log.read()


def reason(log, folder):
    """Return the message for a failed installation."""
    end = log[-5000:]
    if NO_SPACE.search(end):
        places = f"{os.path.abspath(folder)} and {os.environ.get('TMPDIR', '/tmp')}"
        size = SIZE_CUDA_GB if "nvidia" in log else SIZE_GB
        return f"The disk is full: make room for {size} GB in {places}, then type make again."
    if NO_NETWORK.search(end):
        return (
            "The package index that pip is set to use does not answer: check the network, the proxy (HTTPS_PROXY) "
            "and pip's settings (python3 -m pip config list), then type make again."
        )
    errors = re.findall("^ *(?:ERROR|error): (.+)", end, re.M) or ["without an error message"]
    return f"pip stopped ({errors[-1].rstrip('.')}): {folder}/install.log has its full output."


def progress(log, total, installed):
    """Return one line about what pip is doing."""
    installing = INSTALLING.search(log)
    if installing:
        names = installing.group(1).split(", ")
        current = names[min(installed, len(names) - 1)]
        return f"installing: {min(installed, len(names))} of {len(names)} packages, {current}"
    got, asked = GOT.findall(log), ASKED.findall(log)
    if any(how != "Processing" for how, *_ in got):
        _, name, version, size = got[-1]
        what = f"{name} {urllib.parse.unquote(version)}" + (f" ({size})" if size else "")
        return f"downloading: {len(got)} of {max(total, len(got))} packages, {what}"
    return f"looking up: {len(asked)} of {max(total, len(asked))} packages"


def site_packages(folder):
    """Return the folder of the environment's packages."""
    return glob.glob(os.path.join(glob.escape(folder), "lib", "python3*", "site-packages"))[0]


def count(folder):
    """Return the number of packages in the environment."""
    return sum(name.endswith(".dist-info") for name in os.listdir(site_packages(folder)))


def install(folder, requirements):
    """Install all packages, with a line every five seconds, and rarer ones later."""
    with open(requirements) as lines:
        pins = [line.strip() for line in lines if line.strip()]
    # two tries for the first package, instead of six for each of them
    if pip(folder, "--dry-run", "--no-deps", "--retries", "1", "--timeout", "15", pins[0]).wait():
        raise InstallError(reason(words(folder), folder))
    before, start = count(folder), time.monotonic()
    process = pip(folder, "--requirement", requirements)
    while process.poll() is None:
        try:
            process.wait(timeout=max(5, (time.monotonic() - start) / 10))
        except subprocess.TimeoutExpired:
            print(progress(words(folder), len(pins), count(folder) - before), flush=True)
    if process.returncode:
        raise InstallError(reason(words(folder), folder))
    print(
        f"The environment is ready: {count(folder)} packages, {time.monotonic() - start:.0f} s.", flush=True
    )


def keep_caches(folder):
    """Make every Python of the environment find a folder for caches if the home folder cannot be written."""
    here = os.path.dirname(os.path.abspath(__file__))
    shutil.copy(os.path.join(here, "cache_home.py"), os.path.join(site_packages(folder), "cache_home.py"))
    with open(os.path.join(site_packages(folder), "cache_home.pth"), "w") as hook:
        hook.write("import cache_home\n")


def show_progress(folder):
    """Make Snakemake find the project's logger plugin (workflow_scripts/snakemake_logger_plugin_myelosketch)."""
    project = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # as code, because Python reads the file in the locale's encoding, which under LC_ALL=C has no umlauts
    with open(os.path.join(site_packages(folder), "myelosketch.pth"), "w") as hook:
        hook.write(
            "import sys; sys.path.append({})\n".format(ascii(os.path.join(project, "workflow_scripts")))
        )


def main(folder, wanted=""):
    """Return the exit status: 0 if the environment is complete, and its file .installed has the folder's name."""
    stamp, inside = os.path.join(folder, ".installed"), os.path.join(os.path.abspath(folder), "bin")
    # an activated environment must not make itself
    os.environ["PATH"] = os.pathsep.join(
        path for path in os.environ["PATH"].split(os.pathsep) if path != inside
    )
    try:
        python = choose(wanted)
        present = ask(os.path.join(inside, "python"))
        if not (os.path.exists(stamp) and present and present[0] in SUITABLE):
            print(f"{python} makes the environment {folder}.", flush=True)
            make_anew(python, folder)
        else:
            os.remove(stamp)
        install(folder, "requirements.txt")
        keep_caches(folder)
        show_progress(folder)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(os.path.abspath(folder))
        return 0
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: type make again to start the installation again.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
