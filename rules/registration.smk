"""The head in T1w space, then every MRI map and every tissue on the scan's PET grid (petref)."""

ANATOMY = ["t1w", "brain", "tissue", "lesion", "xfm_t1w_to_mni", "xfm_dwi_to_t1w", "xfm_mtr_to_t1w"]
ANATOMY += ["warp_dwi"] if config["registration"]["dwi"] == "deformable" else []
ANATOMY += WARP_MNI
ON_PETREF = ("xfm_t1w_to_petref", "mtr", "fa", "rd", "ad", "fractions")
# scans that have a measured DVR too
WITH_PET = [scan for scan in COHORT.scans if scan not in COHORT.without_pet]


rule prepare_anatomy:
    """T1w corrected and segmented, with MRI maps and lesions registered to it; lesions are filled first."""
    input:
        **GIVEN_TRANSFORMS,
        inspection=INSPECTION,
        T1w=scan_input("T1w"),
        FA=map_input("FA"),
        RD=map_input("RD"),
        AD=map_input("AD"),
        MTR=map_input("MTR"),
        FLAIR=flair_input,
        lesion_mask=scan_input("lesion_mask"),
        segmentation=scan_input("segmentation"),
        segmentation_notes=segmentation_notes_input,
        dwi_json=phase_encoding_input,
        model=MODEL_FACTS,
    output:
        **derivatives(*ANATOMY),
        written_beside=beside(derivatives(*ANATOMY).values()),
    log:
        "<results>/logs/prepare_anatomy/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/prepare_anatomy/{folder}/{scan}.tsv"
    wildcard_constraints:
        scan=only(scan for scan in COHORT.scans if scan not in COHORT.on_flair),
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        lesion_space=lambda wildcards: COHORT.rows[wildcards.scan]["lesion_space"],
        aligned=lambda wildcards: aligned_images(wildcards.scan),
        units=lambda wildcards: map_units(wildcards.scan),
        tissue=config["tissue"],
        lesions={key: config["lesions"][key] for key in ("threshold", "label")},
        registration=registration_settings("dwi", "phase_encoding"),
        seed=config["seed"],
        library=library("imaging.anatomy.head"),
    script:
        "../workflow_scripts/prepare_anatomy.py"


use rule prepare_anatomy as prepare_anatomy_with_flair with:
    output:
        **derivatives(*ANATOMY, "xfm_flair_to_t1w"),
        written_beside=beside(derivatives(*ANATOMY, "xfm_flair_to_t1w").values()),
    log:
        "<results>/logs/prepare_anatomy_with_flair/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/prepare_anatomy_with_flair/{folder}/{scan}.tsv"
    wildcard_constraints:
        scan=only(COHORT.on_flair),
    params:
        lesions={key: config["lesions"][key] for key in ("threshold", "label", "flair")},


rule register_scan:
    """T1w to PET; every map and tissue resampled once onto petref; the registration measured and drawn."""
    input:
        **derivatives(*ANATOMY),
        **GIVEN_TRANSFORMS,
        lesion_sidecar=names.written_beside(derivative("lesion")),
        xfm_flair_to_t1w=flair_transform_input,
        FA=map_input("FA"),
        RD=map_input("RD"),
        AD=map_input("AD"),
        MTR=map_input("MTR"),
        DVR=map_input("DVR"),
        FLAIR=flair_input,
        pet_anatomy=pet_anatomy_input,
        model=MODEL_FACTS,
    output:
        **derivatives(*ON_PETREF, "dvr"),
        json=f"{CHECK}.json",
        png=f"{CHECK}.png",
        written_beside=beside(derivatives(*ON_PETREF, "dvr").values()),
    log:
        "<results>/logs/register_scan/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/register_scan/{folder}/{scan}.tsv"
    wildcard_constraints:
        scan=only(WITH_PET),
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        group=lambda wildcards: COHORT.group[wildcards.scan],
        aligned=lambda wildcards: aligned_images(wildcards.scan),
        units=lambda wildcards: map_units(wildcards.scan),
        # limits are applied later: changing one does not repeat the measurement
        registration=registration_settings("dwi", "pet_fwhm_mm")
        | {"quality": {"starts": config["registration"]["quality"]["starts"]}},
        seed=config["seed"],
        library=library("imaging.registration.to_petref", "imaging.registration.quality"),
    script:
        "../workflow_scripts/register_scan.py"


use rule register_scan as register_scan_without_pet with:
    output:
        **derivatives(*ON_PETREF),
        json=f"{CHECK}.json",
        png=f"{CHECK}.png",
        written_beside=beside(derivatives(*ON_PETREF).values()),
    log:
        "<results>/logs/register_scan_without_pet/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/register_scan_without_pet/{folder}/{scan}.tsv"
    wildcard_constraints:
        scan=only(COHORT.without_pet),


rule gather_quality:
    """One row per scan and image: the numbers of its registration, and the verdict on it."""
    input:
        checks_of(COHORT.scans, "json"),
    output:
        "<results>/registration/qc.tsv",
    log:
        "<results>/logs/gather_quality.log",
    benchmark:
        "<results>/benchmarks/gather_quality.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        limits=config["registration"]["quality"],
        accept=config["registration"]["accept"],
        library=library("imaging.registration.verdicts"),
    script:
        "../workflow_scripts/gather_quality.py"


rule write_registration_page:
    """The quality of the registration on one page, the worst scans first."""
    input:
        json=checks_of(COHORT.scans, "json"),
        png=checks_of(COHORT.scans, "png"),
        table="<results>/registration/qc.tsv",
        template=templates("registration"),
    output:
        "<results>/registration/qc.html",
    log:
        "<results>/logs/write_registration_page.log",
    benchmark:
        "<results>/benchmarks/write_registration_page.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        library=library("reporting.pages.registration"),
    script:
        "../workflow_scripts/write_registration_page.py"


rule admit_registrations:
    """Report failed registrations once the page exists; no training uses them (pack_fold)."""
    input:
        table="<results>/registration/qc.tsv",
        page="<results>/registration/qc.html",
    output:
        "<results>/registration/admitted.tsv",
    log:
        "<results>/logs/admit_registrations.log",
    benchmark:
        "<results>/benchmarks/admit_registrations.tsv"
    # a refusal stays the same when the job is retried
    retries: 0
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        library=library("imaging.registration.verdicts"),
    script:
        "../workflow_scripts/admit_registrations.py"


rule measure_registration:
    """Error of every registration against the known poses of the simulated cohort."""
    input:
        **of_scans(COHORT.scans, "regions", "xfm_t1w_to_petref", "xfm_dwi_to_t1w", "xfm_mtr_to_t1w"),
        poses=[DATASET.truth(scan)["poses"] for scan in COHORT.scans],
    output:
        "<results>/evaluation/registration_error.tsv",
    log:
        "<results>/logs/measure_registration.log",
    benchmark:
        "<results>/benchmarks/measure_registration.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    params:
        scans=COHORT.scans,
        library=library("imaging.registration.error"),
    script:
        "../workflow_scripts/measure_registration.py"
