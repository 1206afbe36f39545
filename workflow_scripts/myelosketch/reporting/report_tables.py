"""What the report shows in tables: each function reads the run's tables and returns text, or the reason."""

from pathlib import Path

import pandas as pd

from myelosketch import names
from myelosketch.provenance import read_json
from myelosketch.reporting.display import ladder_order, method_name, region_name
from myelosketch.reporting.html_tables import HtmlTable, interval, number, or_reason, p_value, words
from myelosketch.reporting.source_tables import NothingToDrawError, finite_rows, rows_of, table_to_draw

SUMMARY_COLUMNS = ("method", "metric", "k", "mean", "ci_low", "ci_high", "n")
LONG = 12  # rows above which a table is folded


@or_reason("Every method and ceiling")
def glance_table(root, *, k):
    """Lesion MAE, Dice beside trivial Dice, and MCC with intervals, ceilings last."""
    return _glance(read_summary(root), "Every method and ceiling", k)


def external_table(root, *, k):
    """The same at external sites, by models of all internal scans; None where the cohort has no such site."""
    if not (Path(root) / "evaluation/external/summary.tsv").is_file():
        return None
    return _glance(read_summary(root, "external/summary.tsv"), "At external sites", k)


def _glance(summary, title, k):
    methods = ladder_order(summary.method.dropna().unique())
    cells = [
        ("lesion_mae", None, 3, True),
        ("dice", k, 2, True),
        ("trivial_dice", k, 2, False),
        ("dice_minus_trivial", k, 2, True),
        ("mcc", k, 2, True),
    ]
    rows = []
    for method in methods:
        kind = "ceiling" if method in names.CEILINGS else "method"
        rows.append([method_name(method), kind, *(_summary_cell(summary, method, *cell) for cell in cells)])
    if not rows:
        raise NothingToDrawError("summary.tsv names no method.")
    header = ["Method", "Kind", "Lesion MAE (DVR)", "Dice", "Trivial Dice", "Dice \u2212 trivial", "MCC"]
    note = (
        f"Mean over patients, with its interval by bootstrap over patients. Demyelinated: DVR below mean "
        f"\u2212 {k:g} SD of healthy white matter. Trivial Dice: every lesion voxel called demyelinated; "
        "a Dice not above it says nothing. MCC: 0 is chance, 1 is perfect."
    )
    return HtmlTable(title, header, rows, note, text_columns=2)


@or_reason("Participants and folds")
def fold_table(root):
    """Patients and controls held out in each fold."""
    folds = table_to_draw(Path(root) / "cohort/folds.tsv", ("subject", "group", "fold"))
    people = folds.drop_duplicates("subject")
    counts = people.groupby(["fold", "group"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=["MS", "HC"], fill_value=0)
    counts = counts.loc[sorted(counts.index, key=lambda fold: (len(fold), fold))]
    rows = [
        [
            "External site" if fold == "0" else f"Fold {fold}",
            *(str(int(n)) for n in row),
            str(int(row.sum())),
        ]
        for fold, row in counts.iterrows()
    ]
    total = counts.sum()
    rows.append(["All", *(str(int(n)) for n in total), str(int(total.sum()))])
    header = ["Held out in", "Patients (MS)", "Controls (HC)", "Participants"]
    note = "Every participant is held out once; folds are by participant, never by scan."
    if "0" in counts.index:
        note += " No model learns from participants of an external site; they are scored apart."
    return HtmlTable("Participants and folds", header, rows, note)


@or_reason("Left out")
def excluded_table(root):
    """Scans left out, and why."""
    path = Path(root) / "cohort/excluded.tsv"
    try:
        excluded = table_to_draw(path, ("reason",))
    except NothingToDrawError:
        if not path.is_file():
            raise
        return HtmlTable("Left out", [], [], missing="No scan was left out.")
    who = "scan" if "scan" in excluded else excluded.columns[0]
    rows = [[words(name), words(reason)] for name, reason in zip(excluded[who], excluded.reason, strict=True)]
    return HtmlTable("Left out", ["Scan", "Reason"], rows, text_columns=2, folded=len(rows) > LONG)


@or_reason("Registration error")
def registration_table(root):
    """Error of registration per modality over all scans."""
    columns = ("scan", "modality", "median_mm", "p95_mm", "max_mm")
    table = table_to_draw(Path(root) / "evaluation/registration_error.tsv", columns, numeric=columns[2:])
    rows = [
        [
            modality,
            str(len(part)),
            number(part.median_mm.median()),
            number(part.p95_mm.median()),
            number(part.max_mm.max()),
        ]
        for modality, part in table.groupby("modality", sort=False)
    ]
    header = ["Modality", "Scans", "Median (mm)", "95th percentile (mm)", "Largest of any voxel (mm)"]
    note = "Median over scans of each scan's median and 95th percentile; then the worst voxel of all."
    return HtmlTable("Registration error", header, rows, note)


@or_reason("Volume of the regions")
def region_table(root):
    """Volume of each region by group."""
    table = table_to_draw(
        Path(root) / "evaluation/region_volumes.tsv",
        ("scan", "group", "region", "volume_ml"),
        numeric=("volume_ml",),
    )
    rows = []
    for group, region in (
        (group, region) for group in names.GROUPS for region in ("nawm", "lesion", "other")
    ):
        part = table[(table.group == group) & (table.region == region)].volume_ml.dropna()
        if len(part) and not (group == "HC" and part.max() == 0):
            label = "Healthy WM" if (group, region) == ("HC", "nawm") else region_name(region)
            values = [number(value, 1) for value in (part.median(), part.min(), part.max())]
            rows.append([group, label, str(len(part)), *values])
    header = ["Group", "Region", "Scans", "Median (mL)", "Smallest (mL)", "Largest (mL)"]
    return HtmlTable("Volume of the regions on the PET grid", header, rows, text_columns=2)


@or_reason("Claims of the paper")
def claims_table(root):
    """Verdict on each claim, in the true PET and in every prediction."""
    table = _claims(root)
    sources = list(dict.fromkeys(table.source))
    rows = []
    for claim, part in table.groupby("claim", sort=True):
        verdict = dict(zip(part.source, part.verdict, strict=True))
        rows.append(
            [f"{claim}: {part.statement.iloc[0]}", *(words(verdict.get(source)) for source in sources)]
        )
    header = ["Claim", *(method_name(source) for source in sources)]
    note = "Judged in the true PET and in each held-out prediction on its own; the rules are ours."
    return HtmlTable("Claims of the paper", header, rows, note, text_columns=len(header))


@or_reason("Evidence for the verdicts")
def evidence_table(root):
    """The numbers that each verdict rests on."""
    table = _claims(root)
    rows = [
        [words(row.claim), method_name(row.source), words(row.verdict), words(row.evidence)]
        for row in table.itertuples()
    ]
    header = ["Claim", "In", "Verdict", "Evidence"]
    return HtmlTable("Evidence for the verdicts", header, rows, folded=True, text_columns=4)


def _claims(root):
    columns = ("claim", "statement", "source", "verdict", "evidence")
    return table_to_draw(Path(root) / "evaluation/claims.tsv", columns)


@or_reason("Statistical tests")
def tests_table(root):
    """All tests behind the claims."""
    needed = (
        "name",
        "source",
        "estimate",
        "ci_low",
        "ci_high",
        "p",
        "p_adjusted",
        "effect_size",
        "n",
        "verdict",
    )
    table = table_to_draw(Path(root) / "evaluation/statistics.tsv", needed)
    rows = []
    for row in table.to_dict("records"):
        told = [row[name] for name in ("claim", "contrast", "group") if name in row and pd.notna(row[name])]
        estimate = interval(row["estimate"], row["ci_low"], row["ci_high"], 3)
        values = [
            p_value(row["p"]),
            p_value(row["p_adjusted"]),
            number(row["effect_size"]),
            number(row["n"], 0),
        ]
        rows.append(
            [
                words(row["name"]).replace("_", " "),
                ": ".join(told),
                method_name(row["source"]),
                words(row["verdict"]),
                estimate,
                *values,
            ]
        )
    header = ["Test", "Of", "In", "Verdict", "Estimate (interval)", "p", "p, Holm", "Effect size", "n"]
    return HtmlTable("Statistical tests", header, rows, folded=len(rows) > LONG, text_columns=4)


@or_reason("Threshold of each fold")
def threshold_table(root, *, k):
    """Healthy white matter of each fold's training controls, and the threshold it gives."""
    found = sorted(Path(root).glob("training/fold-*/threshold.json"))
    if not found:
        raise NothingToDrawError("no threshold.json was made in this run.")
    rows = []
    for path in found:
        card = read_json(path)
        mean, sd = (pd.to_numeric(card.get(name), errors="coerce") for name in ("mean", "sd"))
        controls = card.get("controls") or []
        cells = [number(mean, 3), number(sd, 3), number(mean - k * sd, 3), str(len(controls))]
        rows.append([path.parent.name.replace("fold-", "Fold "), *cells])
    header = ["Fold", "Mean DVR", "SD", f"Threshold (mean \u2212 {k:g} SD)", "Training controls"]
    note = "Pooled healthy white-matter voxels of the true PET of the fold's training controls; unitless."
    return HtmlTable("Threshold of each fold", header, rows, note)


@or_reason("Patients")
def patient_table(root, *, method, k):
    """Demyelinated share and agreement of each patient."""
    columns = ("n_lesion_voxels", "pct_true", "pct_pred", "dice", "trivial_dice", "mcc")
    table = table_to_draw(
        Path(root) / "evaluation/demyelination.tsv",
        ("method", "scan", "k", *columns),
        numeric=("k", *columns),
    )
    table = rows_of(table, f"score of {method_name(method)} at k = {k:g}", method=method, k=k)
    digits = (0, 1, 1, 2, 2, 2)
    rows = [
        [row["scan"], *(number(row[name], places) for name, places in zip(columns, digits, strict=True))]
        for row in table.sort_values("scan").to_dict("records")
    ]
    header = ["Patient", "Lesion voxels", "True (%)", "Predicted (%)", "Dice", "Trivial Dice", "MCC"]
    title = f"Demyelinated lesion voxels of each patient, {method_name(method)}, k = {k:g}"
    return HtmlTable(title, header, rows, folded=len(rows) > LONG)


@or_reason("Wall time of the rules")
def time_table(root):
    """Jobs, seconds and memory of each rule, where the rules were benchmarked."""
    files = sorted(Path(root).glob("benchmarks/**/*.tsv"))
    if not files:
        raise NothingToDrawError("the rules were not benchmarked in this run.")
    parts = []
    for path in files:
        rule = path.relative_to(Path(root) / "benchmarks").parts[0].removesuffix(".tsv")
        part = table_to_draw(path, ("s",), numeric=("s", "max_rss"))
        parts.append(part.assign(rule=rule))
    table = finite_rows(pd.concat(parts), ("s",), "wall time")
    rows = []
    for rule, part in table.groupby("rule", sort=True):
        memory = part.max_rss.max() if "max_rss" in part else None
        rows.append(
            [rule, str(len(part)), number(part.s.sum(), 1), number(part.s.max(), 1), number(memory, 0)]
        )
    header = ["Rule", "Jobs", "Sum (s)", "Longest (s)", "Most memory (MB)"]
    return HtmlTable("Wall time of the rules", header, rows, folded=len(rows) > LONG)


def read_summary(root, file="summary.tsv"):
    """summary.tsv, or external/summary.tsv, with numbers as numbers."""
    return table_to_draw(Path(root) / "evaluation" / file, SUMMARY_COLUMNS, numeric=SUMMARY_COLUMNS[2:])


def metric_rows(summary, metric, at_k):
    """Rows of one metric, at one k where it depends on k (None where not)."""
    keep = summary.metric == metric
    return summary[keep & ((summary.k - at_k).abs() < 1e-9) if at_k is not None else keep]


def _summary_cell(summary, method, metric, at_k, digits, with_interval):
    part = metric_rows(summary[summary.method == method], metric, at_k)
    if part.empty:
        return "n/a"
    row = part.iloc[0]
    return (
        interval(row["mean"], row.ci_low, row.ci_high, digits)
        if with_interval
        else number(row["mean"], digits)
    )
