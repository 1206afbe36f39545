"""The user's own regions (evaluation.atlases): their label images and input functions."""

from myelosketch.cohort.atlases import mapped_atlases, plan_atlases, user_files

try:
    if ARCHIVE:  # without the label images, the label maps in the copy are used
        ATLASES = mapped_atlases(
            config["evaluation"]["atlases"],
            COHORT.scans,
            path=lambda atlas, scan: derivative("own_regions", scan, atlas=atlas),
        )
    else:
        ATLASES = plan_atlases(config["evaluation"]["atlases"], COHORT.rows, folder=dataset_root())
        check_signs(user_files(ATLASES), "The path")
        if workflow.is_main_process:
            check_times(user_files(ATLASES), RESULTS)
except MyelosketchError as error:
    raise WorkflowError(str(error)) from None

SCAN_REGIONS = f"{RESULTS}/evaluation/scans/{{folder}}/{{scan}}_regions.tsv"
OWN_REGIONS = {
    folder: {
        key: f"{RESULTS}/evaluation/{folder}own_regions{end}.tsv"
        for key, end in (("table", ""), ("summary", "_summary"))
    }
    for folder in ("", "external/")
}


def atlases_of(scan):
    """The user's atlases for which a scan has a label image."""
    return [atlas for atlas, scans in ATLASES.items() if scan in scans]


def with_regions(scans):
    """Tables of the user's regions of some scans; those without a label image have none."""
    return [
        SCAN_REGIONS.format(folder=names.folder_of(scan), scan=scan)
        for scan in scans
        if atlases_of(scan)
    ]


def own_maps_input(key):
    """Input function: a file of each label map of a scan, in the order of its atlases."""
    return lambda wildcards: [
        derivative(key, wildcards.scan, atlas=atlas) for atlas in atlases_of(wildcards.scan)
    ]


# the tables that this run has
REGION_TABLES = [
    path
    for folder, scans in (("", COHORT.internal), ("external/", COHORT.external))
    if with_regions(scans)
    for path in OWN_REGIONS[folder].values()
]
