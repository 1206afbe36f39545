"""Floor 3: the head in T1w space, then every MRI map and every tissue on its scan's PET grid (petref)."""

WARPS = ("warp_dwi",) if DEFORMABLE else ()
XFMS_TO_T1W = ("xfm_dwi_to_t1w", "xfm_mtr_to_t1w", *WARPS)
XFMS = ("xfm_t1w_to_petref", "xfm_dwi_to_t1w", "xfm_mtr_to_t1w")
ANATOMY = ("t1w", "brain", "tissue", "lesion", "xfm_t1w_to_mni", *XFMS_TO_T1W)
ON_PETREF = ("mtr", "fa", "rd", "ad", "dvr", "fractions")
REGISTRATION_ERROR = ["results/evaluation/registration_error.tsv"] if IS_SIMULATED else []
# numbers and picture of the registration of a scan
CHECK = "results/registration/scans/{scan}"
QUALITY = [f"results/registration/{file}" for file in ("qc.tsv", "qc.html", "admitted.tsv")]


rule prepare_anatomy:
    """T1w corrected and segmented, MRI maps and lesions brought to it; lesions filled first."""
    input:
        admitted=ancient("results/cohort/admitted.tsv"),
        images=images_of_part(
            *("T1w", "FA", "RD", "AD", "MTR", "FLAIR", "lesion_mask", "segmentation", "dwi_json")
        ),
    output:
        PREPARED,
    log:
        "results/logs/prepare_anatomy/{part}.log",
    benchmark:
        "results/benchmarks/prepare_anatomy/{part}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20 * config["scans_per_job"]["registration"],
    params:
        scans=lambda wildcards: list(map(scan_to_prepare, ALIGNED_PARTS[wildcards.part])),
        tissue=config["tissue"],
        lesions=FOUND_ON_FLAIR,
        registration=MOVING,
        seed=config["seed"],
        library=library("imaging.anatomy"),
    script:
        "../workflow_scripts/prepare_anatomy.py"


rule register_scans:
    """T1w to PET; every map and tissue resampled once onto petref; all that measured as it lies there, and drawn."""
    input:
        anatomy=PREPARED,
        images=images_of_part("FA", "RD", "AD", "MTR", "DVR", "FLAIR", "pet_anatomy"),
    output:
        REGISTERED,
    log:
        "results/logs/register_scans/{part}.log",
    benchmark:
        "results/benchmarks/register_scans/{part}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20 * config["scans_per_job"]["registration"],
    params:
        scans=lambda wildcards: list(map(scan_to_register, ALIGNED_PARTS[wildcards.part])),
        # the limits judge later: a changed one measures nothing anew
        registration=MOVING | {"quality": {"starts": config["registration"]["quality"]["starts"]}},
        seed=config["seed"],
        library=library("imaging.registration", "imaging.quality"),
    script:
        "../workflow_scripts/register_scans.py"


rule gather_quality:
    """One row per scan and image: the numbers of its registration, and the verdict on it."""
    input:
        aligned(REGISTERED, REGISTERED_SCANS),
    output:
        "results/registration/qc.tsv",
    log:
        "results/logs/gather_quality.log",
    benchmark:
        "results/benchmarks/gather_quality.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        checks=[CHECK.format(scan=scan) for scan in REGISTERED_SCANS],
        limits=config["registration"]["quality"],
        accept=config["registration"]["accept"],
        library=library("imaging.quality_verdicts"),
    script:
        "../workflow_scripts/gather_quality.py"


rule write_registration_page:
    """The quality of the registration on one page, the worst scans first."""
    input:
        table="results/registration/qc.tsv",
        registered=aligned(REGISTERED, REGISTERED_SCANS),
        template=own_file(LIBRARY / "myelosketch/reporting/registration.html.j2"),
    output:
        "results/registration/qc.html",
    log:
        "results/logs/write_registration_page.log",
    benchmark:
        "results/benchmarks/write_registration_page.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        checks=[CHECK.format(scan=scan) for scan in REGISTERED_SCANS],
        library=library("reporting.registration_page"),
    script:
        "../workflow_scripts/write_registration_page.py"


rule admit_registrations:
    """Stop, once the page is there, if a registration failed; regions and learning wait for this."""
    input:
        table="results/registration/qc.tsv",
        page="results/registration/qc.html",
    output:
        "results/registration/admitted.tsv",
    log:
        "results/logs/admit_registrations.log",
    benchmark:
        "results/benchmarks/admit_registrations.tsv"
    # a refusal is the answer: sent again, it would read the workflow without the refused scan
    retries: 0
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        rows=COHORT.to_dict("records"),
        refused=MISPLACED_TABLE,
        units=config["units"],
        maps=config["maps"],
        settings=REGISTRATION_SETTINGS,
        library=library("imaging.quality_verdicts"),
    script:
        "../workflow_scripts/admit_registrations.py"


rule measure_registration:
    """Error of every registration against the known poses of the simulated cohort."""
    input:
        registered=aligned(REGISTERED, SCANS),
        poses=[truth(scan, "poses") for scan in SCANS] if IS_SIMULATED else [],
        labelled=of_parts(LABELLED, FOLD_IDS),
    output:
        "results/evaluation/registration_error.tsv",
    log:
        "results/logs/measure_registration.log",
    benchmark:
        "results/benchmarks/measure_registration.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        scans=[
            {"scan": scan, **{key: out(key, scan=scan) for key in ("regions", *XFMS)}}
            for scan in SCANS
        ],
        library=library("imaging.registration_error"),
    script:
        "../workflow_scripts/measure_registration.py"
