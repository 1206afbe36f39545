"""Copy the page of the study into a document, between its marks: show_ladder.py STUDY_PAGE DOCUMENT."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "workflow_scripts"))

from myelosketch.reporting.pages.ladder_study import with_study

if __name__ == "__main__":
    study, document = map(Path, sys.argv[1:])
    figure = "![The ladder: scores of every method in every world](ladder.png)\n\n"
    document.write_text(
        with_study(document.read_text(encoding="utf-8"), figure + study.read_text(encoding="utf-8")),
        encoding="utf-8",
    )
