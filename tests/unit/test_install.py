"""The installation by make: which Python it chooses, what it prints, and the message of each failure."""

import ast
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from myelosketch.interpreter import library_first, without_signs

ROOT = Path(__file__).parents[2]


def module(name):
    """A file of envs/ as a module."""
    specification = importlib.util.spec_from_file_location(name, ROOT / f"envs/{name}.py")
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


install, cache_home = module("install"), module("cache_home")
NEEDED = "Python 3.11, 3.12 or 3.13 is needed, and "
REMEDY = " was found: install one of the three, or name one with make PYTHON=/path/to/python3.13."


@pytest.fixture
def pythons(monkeypatch):
    """Replace the machine's Pythons by these: name to version and whether it has venv."""

    def have(**answers):
        named = {name.replace("_", "."): answer for name, answer in answers.items()}
        monkeypatch.setattr(install, "ask", named.get)

    return have


def sentence(call, *arguments):
    """The error message of a call."""
    with pytest.raises(install.InstallError) as caught:
        call(*arguments)
    return str(caught.value)


def test_an_old_python_can_read_the_installer():
    ast.parse((ROOT / "envs/install.py").read_text(), feature_version=(3, 6))


def test_3_13_is_taken_before_3_12_before_3_11_before_python3_and_never_3_14(pythons):
    everything = {
        "python3_14": ((3, 14), True),
        "python3_13": ((3, 13), True),
        "python3_12": ((3, 12), True),
        "python3_11": ((3, 11), True),
        "python3": ((3, 12), True),
    }
    for expected in ("python3.13", "python3.12", "python3.11", "python3"):
        pythons(**everything)
        assert install.choose("") == expected
        del everything[expected.replace(".", "_")]


def test_a_python_without_venv_is_passed_over(pythons):
    pythons(python3_13=((3, 13), False), python3_11=((3, 11), True))
    assert install.choose("") == "python3.11"


def test_only_other_pythons(pythons):
    pythons(python3=((3, 10), True), python3_14=((3, 14), True), python3_10=((3, 10), True))
    found = "python3 (3.10), python3.14 (3.14), python3.10 (3.10)"
    assert sentence(install.choose, "") == NEEDED + found + REMEDY


def test_the_python_named_is_unsuitable_or_missing(pythons):
    pythons(python3_14=((3, 14), True), python3_13=((3, 13), True))
    assert sentence(install.choose, "python3.14") == NEEDED + "python3.14 (3.14)" + REMEDY
    assert sentence(install.choose, "/opt/python") == NEEDED + "no /opt/python" + REMEDY
    assert install.choose("python3.13") == "python3.13"


@pytest.mark.parametrize("name", ["python3", "python3.13"])
def test_no_venv(pythons, name):
    pythons(**{name.replace(".", "_"): ((3, 13), False)})
    assert sentence(install.choose, "") == (
        f"{name} lacks the modules venv and ensurepip, which make a virtual environment: install them "
        f"(on Debian and Ubuntu: apt install {name}-venv), then type make again."
    )


def test_too_little_space(monkeypatch):
    monkeypatch.setattr(install.shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(1_240_000_000))
    assert sentence(install.check_space, "/project/.venv", 1.8) == (
        "The environment needs 1.8 GB, and the disk of /project/.venv has 1.2 GB free: "
        "make room there, then type make again."
    )
    install.check_space("/project/.venv", 1.2)


def test_the_environment_that_is_made_anew_leaves_its_space_first(tmp_path, monkeypatch):
    (tmp_path / ".venv").mkdir()
    there = []
    monkeypatch.setattr(install, "check_space", lambda folder, _: there.append(Path(folder).exists()))
    sentence(install.make_anew, shutil.which("false"), str(tmp_path / ".venv"))
    assert there == [False]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "The disk is full: make room for 1.8 GB in /project/.venv and /short, then type make again.",
        ),
        (
            "Collecting nvidia-cublas\nERROR: [Errno 122] Disk quota exceeded\n",
            "The disk is full: make room for 5.8 GB in /project/.venv and /short, then type make again.",
        ),
        (
            "ERROR: No matching distribution found for torch==2.13.0\n",
            "pip stopped (No matching distribution found for torch==2.13.0): "
            "/project/.venv/install.log has its full output.",
        ),
        ("", "pip stopped (without an error message): /project/.venv/install.log has its full output."),
    ],
)
def test_why_pip_stopped(monkeypatch, log, expected):
    monkeypatch.setenv("TMPDIR", "/short")
    assert install.reason(log, "/project/.venv") == expected


LOOKED_UP = """Looking in links: /wheels
Processing /wheels/torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl (from -r requirements.txt (line 1))
Collecting scipy==1.15.3 (from -r requirements.txt (line 2))
  Downloading scipy-1.15.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl.metadata (61 kB)
"""
DOWNLOADED = """Collecting connection_pool==0.0.3 (from -r requirements.txt (line 3))
  Using cached connection_pool-0.0.3.tar.gz (3.8 kB)
Downloading scipy-1.15.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl (37.6 MB)
"""
UNPACKED = "Installing collected packages: connection_pool, scipy, torch\n"


@pytest.mark.parametrize(
    ("log", "installed", "expected"),
    [
        ("", 0, "looking up: 0 of 3 packages"),
        (LOOKED_UP, 0, "looking up: 2 of 3 packages"),
        (LOOKED_UP + DOWNLOADED, 0, "downloading: 3 of 3 packages, scipy 1.15.3 (37.6 MB)"),
        (LOOKED_UP + DOWNLOADED + UNPACKED, 1, "installing: 1 of 3 packages, scipy"),
        (LOOKED_UP + DOWNLOADED + UNPACKED, 3, "installing: 3 of 3 packages, torch"),
    ],
)
def test_progress(log, installed, expected):
    assert install.progress(log, 3, installed) == expected


def test_progress_names_a_file_of_this_machine_too():
    log = LOOKED_UP + DOWNLOADED + "Processing /wheels/torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl\n"
    assert install.progress(log, 3, 0) == "downloading: 4 of 4 packages, torch 2.13.0+cpu"


# make itself, in a project with spaces and an umlaut in its path


@pytest.fixture
def project(tmp_path):
    """A project of one package, without a network: folder."""
    folder = tmp_path / "mein Projekt ä"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "envs", folder / "envs")
    (folder / "requirements.txt").write_text("tiny==1.0\n")
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(
            "tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    return folder


def make(folder, *arguments, **variables):
    """Return the output of make, with the given variables and those of this machine that are not pip's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "MAKE"))}
    return subprocess.run(
        ["/usr/bin/make", *arguments, "environment"],
        cwd=folder,
        env={**kept, "PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C", **variables},
        capture_output=True,
        encoding="utf-8",
    )


def only_tools(folder, **versions):
    """A folder of commands, as PATH: what the Makefile needs, and pretended Pythons that cannot make environments."""
    folder.mkdir()
    for tool in ("sh", "bash", "test", "cat", "rm"):
        (folder / tool).symlink_to(shutil.which(tool))
    for name, version in versions.items():
        path = folder / name.replace("_", ".")
        path.write_text(
            f"""#!/bin/sh
case "$2" in
*ensurepip*) echo {version} 1 ;;
*sys.exit*) ;;
venv) echo "no environment by $0"; exit 1 ;;
*) exec "{sys.executable}" "$@" ;;
esac
"""
        )
        path.chmod(0o755)
    return str(folder)


def test_make_installs_over_what_an_interrupted_installation_left(project, tmp_path):
    left = project / ".venv/lib/python3.11/site-packages/tiny-1.0.dist-info"
    left.mkdir(parents=True)
    (project / ".venv/bin").mkdir()
    (project / ".venv/bin/python").symlink_to("/nowhere/python3.11")
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "."}
    made = make(project, f"PYTHON={sys._base_executable}", **settings)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(f"{sys._base_executable} makes the environment .venv.\n")
    assert re.search(r"The environment is ready: \d packages, \d+ s\.\n$", made.stdout)
    subprocess.run([project / ".venv/bin/python", "-c", "import tiny"], check=True)
    # where Snakemake finds the console, whatever the locale
    code = f"import sys; assert {str(project / 'workflow_scripts')!a} in sys.path"
    subprocess.run([project / ".venv/bin/python", "-c", code], check=True, env={"LC_ALL": "C"})
    (hook,) = (project / ".venv").glob("lib/python3*/site-packages/myelosketch.pth")
    assert hook.read_bytes().isascii()
    assert "Nothing to be done" in make(project, **settings).stdout

    (project / ".venv/bin/python").unlink()
    (project / ".venv/bin/python").symlink_to("/nowhere/python3.11")
    named = tmp_path / "my Pythons/python"
    named.parent.mkdir()
    named.symlink_to(sys._base_executable)
    again = make(project, f"PYTHON={named}", **settings)
    assert again.stdout.startswith(f"{named} makes the environment .venv.\n")
    subprocess.run([project / ".venv/bin/python", "-c", "import tiny"], check=True)


def test_make_without_a_network(project):
    failed = make(
        project,
        f"PYTHON={sys._base_executable}",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_CACHE_DIR=str(project / "cache"),
    )
    assert failed.returncode
    assert failed.stderr.splitlines()[0] == (
        "The package index that pip is set to use does not answer: check the network, the proxy (HTTPS_PROXY) "
        "and pip's settings (python3 -m pip config list), then type make again."
    )
    assert len(failed.stderr.splitlines()) == 2  # make's own last word
    assert (project / ".venv/install.log").read_text().count("Retrying") == 1


def test_make_without_any_python(project, tmp_path):
    failed = make(project, PATH=only_tools(tmp_path / "bin"))
    assert failed.returncode
    assert failed.stderr.splitlines()[0] == NEEDED + "no Python" + REMEDY
    assert not (project / ".venv").exists()


def test_make_with_unsuitable_pythons_only(project, tmp_path):
    failed = make(project, PATH=only_tools(tmp_path / "bin", python3="3 10", python3_14="3 14"))
    assert failed.returncode
    assert failed.stderr.splitlines()[0] == NEEDED + "python3 (3.10), python3.14 (3.14)" + REMEDY
    assert not (project / ".venv").exists()


def test_make_takes_3_13_before_3_14_and_passes_on_why_no_environment_was_made(project, tmp_path):
    tools = only_tools(tmp_path / "bin", python3_14="3 14", python3_13="3 13", python3_12="3 12")
    failed = make(project, PATH=tools)
    assert failed.returncode
    assert failed.stdout == "python3.13 makes the environment .venv.\n"
    assert failed.stderr.splitlines()[0] == (
        f"python3.13 -m venv --clear .venv failed: no environment by {tools}/python3.13"
    )


# settings of the environment for its Pythons


def test_caches_have_their_usual_place_where_it_can_be_written(tmp_path):
    assert cache_home.cache_home({"HOME": str(tmp_path / "not/yet")}) == {}


def test_caches_go_to_a_folder_of_this_user_where_home_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_home.os, "access", lambda path, _: not path.startswith("/proc"))
    folder = f"{tmp_path}/caches-of-{os.getuid()}"
    variables = cache_home.cache_home({"HOME": "/proc/home", "TMPDIR": str(tmp_path)})
    assert variables == {"XDG_CACHE_HOME": folder, "MPLCONFIGDIR": f"{folder}/matplotlib"}
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(cache_home.os, "getuid", lambda: 12345)
    (tmp_path / "caches-of-12345").mkdir()
    assert cache_home.cache_home({"HOME": "/proc/home", "TMPDIR": str(tmp_path)}) == {}


def test_a_temporary_folder_that_is_none_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_home.os, "access", lambda path, _: not path.startswith("/proc"))
    environ = {"HOME": "/proc/home", "TMPDIR": str(tmp_path / "absent")}
    folder = f"{tmp_path}/caches-of-{os.getuid()}"
    assert cache_home.cache_home(environ, str(tmp_path))["XDG_CACHE_HOME"] == folder
    assert not (tmp_path / "absent").exists()


def test_a_python_in_a_folder_with_signs_has_a_path_without(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a b"))
    assert without_signs("/opt/environment/bin/python") == "/opt/environment/bin/python"
    folder = tmp_path / "mein Projekt ä; $HOME 'x' (1) {y}/.venv"
    subprocess.run([sys._base_executable, "-m", "venv", "--without-pip", folder], check=True)
    (folder / "here.txt").touch()
    path = without_signs(str(folder / "bin/python"))
    assert shlex.quote(path) == path
    prefix = subprocess.check_output([path, "-c", "import sys; print(sys.prefix)"], text=True).strip()
    assert (Path(prefix) / "here.txt").is_file()


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "/lib"), ("/a::/b", "/lib:/a:/b"), ("/lib:/a", "/lib:/a"), ("/a:/lib", "/lib:/a")],
)
def test_scripts_find_this_library_before_any_other(monkeypatch, before, after):
    monkeypatch.setenv("PYTHONPATH", before)
    library_first(Path("/lib"))
    assert os.environ["PYTHONPATH"] == after
