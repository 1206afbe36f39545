"""Parts: scans that a job works on together, and the record of what it wrote for each of them.

A job of a second for each scan would spend most of its time, and Snakemake's, on starting; and every file of every scan as
an input costs more. So jobs take a part of the scans. What they write for a single scan has its usual name, but no rule names
it as output: whoever reads it has the part's record as input, which is written last and names every file.
"""

from gone_files import make_gone_files_again
from myelosketch.cohort.parts import split_in_parts

TOGETHER = config["scans_per_job"]["others"]
# (fold, part) -> the scans in it, of those that the fold holds out
PARTS = {
    (str(fold), part): scans
    for fold in FOLD_IDS
    for part, scans in split_in_parts(
        [scan for scan in SCANS if FOLD[scan] == fold], TOGETHER
    ).items()
}
# the same for heavy jobs, of all scans whose registration is judged
ALIGNED_PARTS = split_in_parts(REGISTERED_SCANS, config["scans_per_job"]["registration"])
ALIGNED_PART = {scan: part for part, scans in ALIGNED_PARTS.items() for scan in scans}
PART = "fold-{fold}_part-{part}"
PREPARED = f"{RESULTS}/registration/parts/{{part}}_anatomy.tsv"
REGISTERED = f"{RESULTS}/registration/parts/{{part}}.tsv"
LABELLED = f"{RESULTS}/regions/{PART}.tsv"
PACK = f"{RESULTS}/training/scans/{PART}.safetensors"
PREDICTED = f"{RESULTS}/predictions/{PART}.tsv"
SCORES = f"{RESULTS}/evaluation/parts/{PART}_{{table}}.tsv"
MASKED = SCORES.replace("{table}", "masks")


def part_scans(wildcards):
    """Scans of the part of the wildcards."""
    return PARTS[wildcards.fold, wildcards.part]


def aligned(pattern, scans):
    """Records of the heavy jobs that worked on some scans."""
    return [pattern.format(part=part) for part in dict.fromkeys(map(ALIGNED_PART.get, scans))]


def registered_part(wildcards):
    """Input function: records of the registration of a part's scans."""
    return aligned(REGISTERED, part_scans(wildcards))


def registered_controls(wildcards):
    """Input function: records of the registration of a fold's training controls."""
    return aligned(REGISTERED, train_controls(wildcards.fold))


def of_parts(pattern, folds, **entities):
    """A file of every part of some folds."""
    wanted = {str(fold) for fold in folds}
    return [
        pattern.format(fold=fold, part=part, **entities) for fold, part in PARTS if fold in wanted
    ]


def trained_on(fold):
    """Folds whose scans the models of a fold learn from; no file of a scan that it holds out is among them."""
    return [other for other in CROSS_VALIDATION if other != int(fold)]


def training_parts(pattern):
    """Input function: a file of every part that the models of a fold learn from."""
    return lambda wildcards: of_parts(pattern, trained_on(wildcards.fold))


def control_files(wildcards):
    """Files of a fold's training controls, each kind as one list."""
    keys = ("dvr", "regions", "xfm_t1w_to_petref", "xfm_t1w_to_mni")
    return {key: [out(key, scan=scan) for scan in train_controls(wildcards.fold)] for key in keys}


def anatomy_files(scan):
    """What the preparation of a scan writes."""
    keys = (*ANATOMY, "xfm_flair_to_t1w") if scan in ON_FLAIR else ANATOMY
    return {key: out(key, scan=scan) for key in keys}


def registered_files(scan):
    """What the registration of a scan writes, its check included."""
    check = CHECK.format(scan=scan)
    images = {key: out(key, scan=scan) for key in ("xfm_t1w_to_petref", *ON_PETREF)}
    return images | {"json": f"{check}.json", "png": f"{check}.png"}


def scan_to_prepare(scan):
    """What the preparation needs to know of a scan."""
    return {
        "scan": scan,
        "inputs": own_images(scan) | {"lesion_space": INSPECTED[scan]["lesion_space"] or "T1w"},
        "outputs": anatomy_files(scan),
        "units": map_units(scan),
    }


def scan_to_register(scan):
    """What the registration needs to know of a scan."""
    return {
        "scan": scan,
        "group": INSPECTED[scan]["group"],
        "inputs": own_images(scan) | anatomy_files(scan),
        "outputs": registered_files(scan),
        "units": map_units(scan),
    }


def images_of_part(*names):
    """Input function: those images of a part's scans that they have."""
    return lambda wildcards: [
        path
        for scan in ALIGNED_PARTS[wildcards.part]
        for name, path in own_images(scan).items()
        if name in names and path
    ]


def truth_of(scan):
    """What scores read of the truth: of a simulated scan its ceilings and, of a patient, its lesions."""
    if not IS_SIMULATED:
        return {}
    known = truth_files(SIMULATED, names.subject_of(scan), GROUP[scan])
    return {key: known[key] for key in (*CEILINGS, *LESION_TRUTH) if key in known}


def scored_scan(scan):
    """What scores need to know of a scan: its files, the maps that are scored and the masks that are written."""
    known = truth_of(scan)
    lesions = {key: known[key] for key in LESION_TRUTH if key in known}
    predicted = {method: out("predicted", scan=scan, method=method) for method in METHODS}
    return {
        "scan": scan,
        "subject": names.subject_of(scan),
        "group": GROUP[scan],
        "files": {key: out(key, scan=scan) for key in SCORED_FILES} | lesions,
        "predictions": predicted | {which: known[which] for which in CEILINGS},
        "masks": {name: out("demyelinated", scan=scan, method=name) for name in ("pet", *METHODS)},
    }


def part_tables(folds):
    """Tables of all parts of some folds, each part's in the order of SCORE_TABLES."""
    return [
        path
        for tables in zip(*(of_parts(SCORES, folds, table=table) for table in SCORE_TABLES))
        for path in tables
    ]


make_gone_files_again(
    [
        *(
            pattern.format(part=part)
            for pattern in (PREPARED, REGISTERED)
            for part in ALIGNED_PARTS
        ),
        *(
            path
            for pattern in (LABELLED, PREDICTED, MASKED)
            for path in of_parts(pattern, FOLD_IDS)
        ),
    ]
)
