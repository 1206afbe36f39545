"""Floor 3: the head in T1w space, then every MRI map and every tissue on its scan's PET grid (petref)."""

DEFORMABLE = config["registration"]["dwi"] == "deformable"
WARPS = ("warp_dwi",) if DEFORMABLE else ()
XFMS_TO_T1W = ("xfm_dwi_to_t1w", "xfm_mtr_to_t1w", *WARPS)
XFMS = ("xfm_t1w_to_petref", "xfm_dwi_to_t1w", "xfm_mtr_to_t1w")
ANATOMY = ("t1w", "brain", "tissue", "lesion", "xfm_t1w_to_mni", *XFMS_TO_T1W)
ON_PETREF = ("mtr", "fa", "rd", "ad", "dvr", "fractions")
REGISTERED = [out(key, scan=scan) for scan in SCANS for key in XFMS + ON_PETREF]
REGISTRATION_ERROR = ["results/evaluation/registration_error.tsv"] if IS_SIMULATED else []
CHECKS = expand("results/registration/scans/{scan}.json", scan=REGISTERED_SCANS)
CHECK_PICTURES = expand("results/registration/scans/{scan}.png", scan=REGISTERED_SCANS)
QUALITY = [f"results/registration/{file}" for file in ("qc.tsv", "qc.html", "admitted.tsv")]
MAP_INPUTS = {name: map_input(name) for name in ("FA", "RD", "AD", "MTR")}


rule prepare_anatomy:
    """T1w corrected and segmented, MRI maps and lesions brought to it; lesions filled first."""
    input:
        **MAP_INPUTS,
        admitted=ancient("results/cohort/admitted.tsv"),
        t1w=scan_input("T1w"),
        FLAIR=flair_input,
        lesion_mask=scan_input("lesion_mask"),
        segmentation=scan_input("segmentation"),
        dwi_json=dwi_sidecar if DEFORMABLE else [],
        library=library("imaging.anatomy"),
    output:
        **{key: pat(key) for key in ANATOMY},
    log:
        "results/logs/prepare_anatomy/{folder}/{scan}.log",
    benchmark:
        "results/benchmarks/prepare_anatomy/{folder}/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        lesion_space=lambda wildcards: INSPECTED[wildcards.scan]["lesion_space"] or "T1w",
        tissue=config["tissue"],
        lesions=config["lesions"],
        registration=MOVING,
        units=map_units,
        seed=config["seed"],
    script:
        "../workflow_scripts/prepare_anatomy.py"


# a scan whose lesions are drawn or found on its FLAIR
use rule prepare_anatomy as prepare_anatomy_with_flair with:
    output:
        **{key: pat(key) for key in (*ANATOMY, "xfm_flair_to_t1w")},
    log:
        "results/logs/prepare_anatomy_with_flair/{folder}/{scan}.log",
    benchmark:
        "results/benchmarks/prepare_anatomy_with_flair/{folder}/{scan}.tsv"
    wildcard_constraints:
        scan="|".join(ON_FLAIR) or "none",


ruleorder: prepare_anatomy_with_flair > prepare_anatomy


rule register_scan:
    """T1w to PET; then every map and every tissue resampled once onto petref."""
    input:
        **MAP_INPUTS,
        **{key: pat(key) for key in ("t1w", "brain", "tissue", "lesion", *XFMS_TO_T1W)},
        DVR=map_input("DVR"),
        pet_anatomy=early_pet,
        library=library("imaging.registration"),
    output:
        **{key: pat(key) for key in ("xfm_t1w_to_petref", *ON_PETREF)},
    log:
        "results/logs/register_scan/{folder}/{scan}.log",
    benchmark:
        "results/benchmarks/register_scan/{folder}/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        registration=MOVING,
        units=map_units,
        seed=config["seed"],
    script:
        "../workflow_scripts/register_scan.py"


rule check_registration:
    """Every registration of a scan measured as it lies there, and drawn."""
    input:
        **MAP_INPUTS,
        **{key: pat_input(key) for key in ("t1w", "brain", "tissue", "lesion", "xfm_t1w_to_mni")},
        **{key: pat_input(key) for key in ("xfm_t1w_to_petref", *XFMS_TO_T1W)},
        DVR=map_input("DVR"),
        pet_anatomy=early_pet,
        FLAIR=flair_input,
        xfm_flair_to_t1w=lambda wildcards: (
            out("xfm_flair_to_t1w", scan=wildcards.scan) if wildcards.scan in ON_FLAIR else []
        ),
        library=library("imaging.quality"),
    output:
        json="results/registration/scans/{scan}.json",
        png="results/registration/scans/{scan}.png",
    log:
        "results/logs/check_registration/{scan}.log",
    benchmark:
        "results/benchmarks/check_registration/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        group=lambda wildcards: INSPECTED[wildcards.scan]["group"],
        # the limits judge later: a changed one measures nothing anew
        registration=MOVING | {"quality": {"starts": config["registration"]["quality"]["starts"]}},
        units=map_units,
        seed=config["seed"],
    script:
        "../workflow_scripts/check_registration.py"


rule gather_quality:
    """One row per scan and image: the numbers of its registration, and the verdict on it."""
    input:
        checks=CHECKS,
        library=library("imaging.quality_verdicts"),
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
        limits=config["registration"]["quality"],
        accept=config["registration"]["accept"],
    script:
        "../workflow_scripts/gather_quality.py"


rule write_registration_page:
    """The quality of the registration on one page, the worst scans first."""
    input:
        table="results/registration/qc.tsv",
        checks=CHECKS,
        pictures=CHECK_PICTURES,
        template=own_file(LIBRARY / "myelosketch/reporting/registration.html.j2"),
        library=library("reporting.registration_page"),
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
    script:
        "../workflow_scripts/write_registration_page.py"


rule admit_registrations:
    """Stop, once the page is there, if a registration failed; regions and learning wait for this."""
    input:
        table="results/registration/qc.tsv",
        page="results/registration/qc.html",
        library=library("imaging.quality_verdicts"),
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
    script:
        "../workflow_scripts/admit_registrations.py"


rule measure_registration:
    """Error of every registration against the known poses of the simulated cohort."""
    input:
        **{key: [out(key, scan=scan) for scan in SCANS] for key in XFMS},
        poses=[truth(scan, "poses") for scan in SCANS] if IS_SIMULATED else [],
        regions=[out("regions", scan=scan) for scan in SCANS],
        library=library("imaging.registration_error"),
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
        scans=SCANS,
    script:
        "../workflow_scripts/measure_registration.py"
