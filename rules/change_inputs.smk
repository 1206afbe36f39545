"""Input functions of the change rules: the files of a participant's sessions."""

# the common grid of a participant's sessions
COMMON = derivative("common", "sub-{subject}")


def sessions_input(*keys):
    """Input function: derivatives of every session of a participant, by key one path per session."""
    return lambda wildcards: of_scans(COHORT.followed_up[wildcards.subject], *keys)


def aligned_input(wildcards):
    """Input function: the images that define the common space of a participant's sessions."""
    files = of_scans(COHORT.followed_up[wildcards.subject], "t1w", "brain", "regions")
    return {"t1w": files["t1w"], "brain": files["brain"], "petref": files["regions"]}


def common_input(wildcards):
    """Input function: the image on the common grid of the participant of a scan, and its sidecar."""
    path = derivative("common", names.scan_name(names.subject_of(wildcards.scan)))
    return {"common": path, "sidecar": names.written_beside(path)}


def sessions_with_pet(wildcards):
    """Input function: sessions of a participant that have a PET."""
    followed = ((scan, COHORT.rows[scan]) for scan in COHORT.followed_up[wildcards.subject])
    return [scan for scan, row in followed if row["DVR"] or row["pet"]]


def changed_maps_input(wildcards):
    """Input function: DVR of every session, predicted, measured if there is a PET, and true if simulated."""
    scans = COHORT.followed_up[wildcards.subject]
    truth = [DATASET.truth(scan) for scan in scans] if CEILINGS else []
    return {
        "predicted": [derivative("predicted", scan, method=SHOWN_METHOD) for scan in scans],
        "measured": [derivative("dvr", scan) for scan in sessions_with_pet(wildcards)],
        "visible": [known["visible"] for known in truth],
        "poses": [known["poses"] for known in truth],
    }


def change_threshold_input(wildcards):
    """Input function: healthy white matter of the fold that holds a participant out."""
    return REFERENCE["threshold"].format(fold=COHORT.fold[COHORT.followed_up[wildcards.subject][0]])


def numbers_input(wildcards):
    """Input function: numbers and verdicts of the sessions, if they are new scans of a trained model."""
    scans = COHORT.followed_up[wildcards.subject] if PREDICTS else []
    return [NUMBERS.format(folder=names.folder_of(scan), scan=scan) for scan in scans]
