"""Floor 3: the T1w image prepared, and every MRI map moved onto its scan's PET grid (petref)."""

XFMS = ("xfm_t1w_to_petref", "xfm_dwi_to_t1w", "xfm_mtr_to_t1w")
MAPS_ON_PETREF = ("mtr", "fa", "rd", "ad", "dvr")
REGISTERED = [out(key, scan=scan) for scan in SCANS for key in XFMS + MAPS_ON_PETREF]
REGISTRATION_ERROR = ["results/evaluation/registration_error.tsv"] if IS_SIMULATED else []


rule segment_tissue:
    """Bias correction, brain, CSF, grey and white matter of one T1w image; lesions filled first."""
    input:
        admitted=ancient("results/cohort/admitted.tsv"),
        t1w=scan_input("T1w"),
        lesion_mask=scan_input("lesion_mask"),
        library=library("imaging.tissue"),
    output:
        t1w=pat("t1w"),
        brain=pat("brain"),
        tissue=pat("tissue"),
        xfm_t1w_to_mni=pat("xfm_t1w_to_mni"),
    log:
        "results/logs/segment_tissue/{folder}/{scan}.log",
    benchmark:
        "results/benchmarks/segment_tissue/{folder}/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        tissue=config["tissue"],
        sampling=config["registration"]["sampling"],
        seed=config["seed"],
    script:
        "../workflow_scripts/segment_tissue.py"


rule register_scan:
    """T1w to PET, tensor maps and MTR to T1w, composed: every map resampled once onto petref."""
    input:
        t1w=pat("t1w"),
        brain=pat("brain"),
        FA=map_input("FA"),
        RD=map_input("RD"),
        AD=map_input("AD"),
        MTR=map_input("MTR"),
        DVR=map_input("DVR"),
        library=library("imaging.registration"),
    output:
        **{key: pat(key) for key in XFMS + MAPS_ON_PETREF},
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
        registration=config["registration"],
        units=map_units,
        seed=config["seed"],
    script:
        "../workflow_scripts/register_scan.py"


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
