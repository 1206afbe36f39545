"""DVR, its prediction, lesions and demyelination in MNI152 space, of each scan and over the cohort."""

ON_TEMPLATE = {
    "dvr_mni2": derivative("dvr_mni2"),
    "predicted_mni2": derivative("predicted_mni2", method=SHOWN_METHOD),
    "demyelinated_pet_mni2": derivative("demyelinated_mni2", method="pet"),
    "demyelinated_mni2": derivative("demyelinated_mni2", method=SHOWN_METHOD),
    "lesion_mni2": derivative("lesion_mni2"),
}
GROUP_MAPS = {key: f"{RESULTS}/{path}" for key, path in names.GROUP_FILES.items()}
# scans of external sites are transformed too, but are in no mean
STANDARD_SPACE = [
    path.format(folder=names.folder_of(scan), scan=scan)
    for scan in COHORT.scans
    for path in ON_TEMPLATE.values()
]
STANDARD_SPACE += GROUP_MAPS.values()


localrules:
    standard_space,


rule standard_space:
    """Every scan in MNI152 space, and the means and shares over the cohort."""
    input:
        STANDARD_SPACE,


rule place_scan:
    """Measured and predicted DVR, demyelinated voxels and lesions in MNI152 space, with one interpolation each."""
    input:
        **derivatives("dvr", "lesion", "xfm_t1w_to_petref", "xfm_t1w_to_mni", *WARP_MNI),
        predicted=derivative("predicted", method=SHOWN_METHOD),
        demyelinated=derivative("demyelinated", method=SHOWN_METHOD),
        demyelinated_pet=derivative("demyelinated", method="pet"),
    output:
        **ON_TEMPLATE,
        written_beside=beside(ON_TEMPLATE.values()),
    log:
        "<results>/logs/place_scan/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/place_scan/{folder}/{scan}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        library=library("evaluation.standard_space"),
    script:
        "../workflow_scripts/place_scan.py"


rule average_scans:
    """Mean DVR, measured and predicted, and how often a voxel is a lesion or demyelinated, over the participants."""
    input:
        **{
            key: [path.format(folder=names.folder_of(scan), scan=scan) for scan in COHORT.internal]
            for key, path in ON_TEMPLATE.items()
        },
    output:
        **GROUP_MAPS,
        written_beside=beside(GROUP_MAPS.values()),
    log:
        "<results>/logs/average_scans.log",
    benchmark:
        "<results>/benchmarks/average_scans.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        scans={scan: COHORT.group[scan] for scan in COHORT.internal},
        method=SHOWN_METHOD,
        library=library("evaluation.group_maps"),
    script:
        "../workflow_scripts/average_scans.py"
