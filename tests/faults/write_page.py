"""Write what the programs of this folder counted into docs/reliability.md, between its marks."""

import argparse
import re
from collections import Counter

import runs

PAGE = runs.ROOT / "docs/reliability.md"
MARKS = "<!-- {name}: written by make faults -->\n", "<!-- end of {name} -->"
NONE_YET = "Not run yet.\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=runs.work_folder, help="folder with the tables")
    work = parser.parse_args().work
    text = PAGE.read_text()
    for write in (kills, inject, determinism, leakage, shuffled, large, many, fuzz):
        text = between(text, write.__name__, write(work))
    PAGE.write_text(text)


def between(text, name, content):
    """The page with other lines between two marks."""
    first, last = (mark.format(name=name) for mark in MARKS)
    if text.count(first) != 1 or text.count(last) != 1:
        raise SystemExit(f"{PAGE} has not each mark of {name} once.")
    head, rest = text.split(first)
    return head + first + "\n" + content + "\n" + last + rest.split(last)[1]


def table(header, lines):
    """A table of Markdown."""
    cells = [header, ["---"] * len(header), *lines]
    return "".join(
        "| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |\n" for line in cells
    )


def kills(work):
    """Kills per stage, and runs that came to the same end; kills of an unfinished run are counted separately."""
    ended = runs.rows(work / "kill-runs.tsv")
    numbers = {row["run"] for row in ended}
    every = runs.rows(work / "kills.tsv")
    if not every:
        return NONE_YET
    counted = [row for row in every if row["run"] in numbers]
    good = [row for row in ended if (row["status"], row["different"], row["orphans"]) == ("0", "0", "0")]
    recovered = sum(int(row["kills"]) for row in good)
    text = (
        f"Kills: {len(counted)}, in {len(ended)} runs that came to their end. Recovered: {recovered}. "
        f"Files compared: {sum(int(row['compared']) for row in ended)}; "
        f"not the same to the byte: {sum(int(row['different']) for row in ended)}; "
        f"files that the uninterrupted run lacks: {sum(int(row['orphans']) for row in ended)}.\n"
    )
    if len(every) > len(counted):
        text += f"\nKills in a run that has not come to its end, and is not compared: {len(every) - len(counted)}.\n"
    stages = Counter(rule for row in every for rule in row["at_work"].split(", ")).most_common()
    return text + "\n" + table(("at work", "kills"), stages)


def inject(work):
    """One line per fault."""
    found = runs.rows(work / "inject.tsv")
    if not found:
        return NONE_YET
    good = sum(row["result"] == "ok" for row in found)
    skipped = sum(row["result"].startswith("skipped") for row in found)
    lines = [(row["fault"], row["stage"], row["result"], shortened(row["sentence"])) for row in found]
    return f"Faults: {len(found)}; as they should end: {good}; skipped: {skipped}.\n\n" + table(
        ("fault", "stage", "result", "what the user reads"), lines
    )


def shortened(sentence, length=160):
    """The beginning of a long sentence, without places of this machine."""
    sentence = re.sub(r"'[^']*' -> ", "", sentence)  # a temporary file
    sentence = re.sub(r"(/[\w.+-]+){3,}/", "…/", sentence)
    return sentence if len(sentence) <= length else sentence[:length].rsplit(" ", 1)[0] + " …"


def determinism(work):
    """One line per run in which something differs that must not matter."""
    found = runs.rows(work / "determinism.tsv")
    header = (
        *("changed", "files compared", "different", "which", "largest difference of a voxel's predicted DVR"),
        *("voxels in one brain mask alone, %", "of a scan's lesion MAE"),
    )
    return table(header, [tuple(row.values()) for row in found]) if found else NONE_YET


def leakage(work):
    """One line per fold and kind of change."""
    found = runs.rows(work / "leakage.tsv")
    if not found:
        return NONE_YET
    groups = dict.fromkeys((row["fold"], row["changed"]) for row in found)
    lines = []
    for group in groups:
        rows = [row for row in found if (row["fold"], row["changed"]) == group]
        lines.append((*group, rows[0]["scans"], len(rows), sum(row["same"] == "no" for row in rows)))
    return table(("fold", "changed", "scans or participants", "artefacts", "of them changed"), lines)


def shuffled(work):
    """One line per method: means over the permutations, and their range."""
    found = runs.rows(work / "shuffled.tsv")
    if not found:
        return NONE_YET
    lines = []
    for method in dict.fromkeys(row["method"] for row in found):
        rows = [row for row in found if row["method"] == method]
        r = [float(row["r"]) for row in rows]
        mae = [float(row["mae"]) for row in rows]
        lines.append(
            (
                *(method, rows[0]["r_before"], f"{sum(r) / len(r):.2f} ({min(r):.2f} to {max(r):.2f})"),
                *(rows[0]["mae_before"], f"{sum(mae) / len(mae):.3f} ({min(mae):.3f} to {max(mae):.3f})"),
                rows[0]["mae_constant"],
            )
        )
    header = ("method", "r", "r, shuffled", "MAE", "MAE, shuffled", "MAE of one constant, shuffled")
    said = f"{len(rows)} permutations of {found[0]['voxels']} lesion voxels of {found[0]['scans']} scans.\n\n"
    return said + table(header, lines)


def large(work):
    """One line per rule: the largest peak of its jobs."""
    found = runs.rows(work / "large.tsv")
    if not found:
        return NONE_YET
    peaks = {}
    for row in found:
        peaks[row["rule"]] = max(
            peaks.get(row["rule"], (0.0, 0.0)), (number(row["peak_mb"]), number(row["cpu_seconds"]))
        )
    ranked = sorted(peaks.items(), key=lambda item: -item[1][0])
    return table(
        ("rule", "peak memory, GB", "CPU seconds"),
        [(rule, f"{peak / 1024:.2f}", f"{seconds:.0f}") for rule, (peak, seconds) in ranked],
    )


def many(work):
    """One line per kind of job."""
    found = runs.rows(work / "many.tsv")
    header = ("", "jobs", "early, MB", "at the end, MB", "largest, MB")
    return table(header, [tuple(row.values()) for row in found]) if found else NONE_YET


def number(text):
    """A cell of Snakemake's benchmarks; a job that was too short to be measured counts as 0."""
    return 0.0 if text in ("NA", "-", "") else float(text)


def fuzz(work):
    """The table that fuzz.py prints."""
    path = work / "fuzz.md"
    lines = path.read_text().splitlines() if path.is_file() else []
    rows = [line for line in lines if line.startswith("|")]
    return "\n".join(rows) + "\n" if rows else NONE_YET


if __name__ == "__main__":
    main()
