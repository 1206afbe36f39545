"""Floor 6: regions of the user's own (evaluation.atlases) on each PET grid, measured and predicted; none by default."""

from myelosketch.cohort.atlases import mapped_atlases, plan_atlases, user_files

try:
    if ARCHIVE:  # the label images are not here: the label maps that came with the copy serve
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
    """Atlases of the user's that a scan has a label image of."""
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


wildcard_constraints:
    atlas=only(ATLASES),


rule score_own_regions:
    """Mean DVR of each of the user's regions in a scan, measured and by each method."""
    input:
        **PREDICTED,
        own_regions=own_maps_input("own_regions"),
        own_regions_table=own_maps_input("own_regions_table"),
        regions=derivative("regions"),
        dvr=measured_dvr_input,
        archive=OPENED,
    output:
        SCAN_REGIONS,
    log:
        "<results>/logs/score_own_regions/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/score_own_regions/{folder}/{scan}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        atlases=lambda wildcards: atlases_of(wildcards.scan),
        methods=METHODS,
        facts=lambda wildcards: {
            "scan": wildcards.scan,
            "subject": names.subject_of(wildcards.scan),
            "fold": COHORT.fold[wildcards.scan],
            "group": COHORT.group[wildcards.scan],
        },
        library=library("evaluation.own_regions"),
    script:
        "../workflow_scripts/score_own_regions.py"


rule gather_own_regions:
    """The user's regions of all scans in one table; means, errors and agreement over the participants in another."""
    input:
        with_regions(COHORT.internal),
    output:
        **OWN_REGIONS[""],
    log:
        "<results>/logs/gather_own_regions.log",
    benchmark:
        "<results>/benchmarks/gather_own_regions.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        settings={
            "methods": METHODS,
            "draws": config["evaluation"]["bootstrap"],
            "seed": config["seed"],
            "alpha": config["evaluation"]["alpha"],
        },
        library=library("evaluation.own_regions_summary"),
    script:
        "../workflow_scripts/gather_own_regions.py"


use rule gather_own_regions as gather_external_own_regions with:
    input:
        with_regions(COHORT.external),
    output:
        **OWN_REGIONS["external/"],
    log:
        "<results>/logs/gather_external_own_regions.log",
    benchmark:
        "<results>/benchmarks/gather_external_own_regions.tsv"
