"""What a reader of the pages types: commands in blocks and in code spans, and the configurations to write before."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "results/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "studies").glob("*/README.md")),
]
# of a code span that begins with one of them and goes on, the whole is a command
PROGRAMS = {
    *("snakemake", "make", "python", "pip", "git", ".", "apt", "conda", "docker", "podman", "apptainer"),
    *("dcm2niix", "cp", "ln", "srun", "sbatch", "sinfo", "sacctmgr", "scontrol", "qsub", "bsub"),
}
# Commands that no test of the tutorial runs, by how they begin, and why.
NOT_RUN = {
    "git clone": "the address of the repository is the reader's; the test copies the folder",
    "make test": "runs the tests, this one among them",
    "make docs": "installs the packages of the site from a network",
    "make configuration": "writes config.yaml again, in which the test has the tiny cohort's settings",
    "make calibration": "a study of the default cohort",
    "make ladder": "a study of hours",
    "make pretraining": "a study of hours",
    "make faults": "hours",
    "python envs/licences.py": "prints a table that a unit test compares",
    "python tests/faults/": "hours",
    "python tests/benchmarks/": "measures the machine; a unit test imports each",
    "make PYTHON=/path/to/python3.12": "the path is the reader's",
    "snakemake --lint": "make lint runs it on the project",
    "snakemake --snakefile studies/": "each study has a test of its own",
    "snakemake --cores all --configfile ladder.yaml": "trains the default cohort with further networks",
    "snakemake --snakefile myelosketch/Snakefile --directory elsewhere": "a second run of the whole tiny cohort",
    "snakemake figures --cores 2 --configfile results/cohort/config.json": "tests/workflow/test_archive.py runs it",
    "snakemake --workflow-profile": "needs a Slurm; tests/cluster runs it",
    "snakemake cohort_table --forceall --workflow-profile": "needs a Slurm",
    "snakemake --executor cluster-generic": "the plugin is not among the project's packages",
    "snakemake --cores 8 --configfile mine.yaml": "the table is the reader's; docs/first-run.md runs one",
    "dcm2niix": "a program of its own, and its DICOM files",
    "apt install": "needs root and a network",
    "pip install": "needs a network, and would change the environment of the tests",
    "cp -r": "a mention without files",
    "cp -a results .snakemake": "the place to copy to is the reader's",
    "ln -s /scratch": "the disk is the site's",
    "srun": "needs a Slurm",
    "sinfo": "needs a Slurm",
    "sacctmgr": "needs a Slurm",
    "scontrol": "needs a Slurm",
    "qsub": "needs another scheduler",
    "bsub": "needs another scheduler",
}


class Step(NamedTuple):
    """A command, or the text of a file that is to be written where ``name`` is not blank."""

    page: Path
    line: int
    text: str
    name: str = ""

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def steps(page):
    """Steps of a page, in the order in which they are read.

    Every line of a block of ``sh`` is a command, comments and continued lines as a shell reads them. A block
    of ``yaml`` is a file where the paragraph above it names one and ends with a colon.
    """
    text, found, above = page.read_text(encoding="utf-8"), [], ""
    # code blocks, and between them paragraphs and rows of tables
    for part in re.finditer(r"^ *```.*?^ *```$|(?:(?!^ *```)[^\n]+\n?)+", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, part.start()) + 1
        block = re.fullmatch(r" *```(\w*)[^\n]*\n(.*?)\n? *```", part[0], re.DOTALL)
        if not block:
            spans = (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", part[0]))
            found += [Step(page, line, span) for span in spans if " " in span and span.split()[0] in PROGRAMS]
        elif block[1] == "yaml" and (named := re.search(r"`([\w-]+\.yaml)`[^`]*:\s*$", above)):
            found.append(Step(page, line, block[2], named[1]))
        elif block[1] == "sh":
            lines = (
                re.sub(r"(^|\s)#.*", "", text).strip() for text in block[2].replace("\\\n", " ").splitlines()
            )
            found += [Step(page, line, text) for text in lines if text]
        above = part[0]
    return found


def commands(page):
    """Steps of a page that are commands; of the recipes only those of the workflow, not those of other tools."""
    found = [step for step in steps(page) if not step.name]
    return [step for step in found if page.name != "recipes.md" or step.text.split()[0] in PROGRAMS]


def reason(text):
    """Why a command is not run, or None; of several beginnings in the list the longest counts."""
    return NOT_RUN.get(max((start for start in NOT_RUN if text.startswith(start)), key=len, default=""))
