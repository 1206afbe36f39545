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
