"""FA, RD, AD, MTR and DVR from raw images, for scans without these maps in the table."""

TENSOR_MAPS = ("raw_fa", "raw_rd", "raw_ad", "raw_md", "raw_b0")
GREY_MATTER = config["maps"]["reference"] == "grey_matter"


rule fit_tensor:
    """Diffusion images denoised, aligned and fitted: FA, RD, AD, MD and the mean unweighted image."""
    input:
        inspection=INSPECTION,
        dwi=scan_input("dwi"),
        bval=companion_input("dwi", "bval"),
        bvec=companion_input("dwi", "bvec"),
    output:
        **derivatives(*TENSOR_MAPS),
        written_beside=beside(derivatives(*TENSOR_MAPS).values()),
    log:
        "<results>/logs/fit_tensor/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/fit_tensor/{folder}/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        options={
            key: config["maps"][key] for key in ("denoise", "motion", "b_max", "b0_threshold")
        }
        | {"seed": config["seed"]},
        library=library("imaging.maps.tensor"),
    script:
        "../workflow_scripts/fit_tensor.py"


rule compute_mtr:
    """The images with and without the saturation pulse, aligned, and their ratio in percent."""
    input:
        inspection=INSPECTION,
        mt_on=scan_input("mt_on"),
        mt_off=scan_input("mt_off"),
    output:
        map=derivative("raw_mtr"),
        written_beside=beside([derivative("raw_mtr")]),
    log:
        "<results>/logs/compute_mtr/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/compute_mtr/{folder}/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        options={
            "align": config["maps"]["align_mt"],
            "noise_share": config["maps"]["mt_noise_share"],
            "seed": config["seed"],
        },
        library=library("imaging.maps.mtr"),
    script:
        "../workflow_scripts/compute_mtr.py"


rule average_pet:
    """The mean of the early frames of a dynamic PET, the image that shows the anatomy."""
    input:
        inspection=INSPECTION,
        pet=scan_input("pet"),
        json=companion_input("pet", "json"),
        inherited=inherited_input("pet"),
    output:
        map=derivative("pet_early"),
        written_beside=beside([derivative("pet_early")]),
    log:
        "<results>/logs/average_pet/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/average_pet/{folder}/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=20,
    params:
        window_min=config["maps"]["early_window_min"],
        t_star_min=config["maps"]["t_star_min"],
        motion=config["maps"]["pet_motion"],
        seed=config["seed"],
        library=library("imaging.maps.early_frames"),
    script:
        "../workflow_scripts/average_pet.py"


rule fit_dvr:
    """The dynamic PET and its reference region: the distribution volume ratio."""
    input:
        **(derivatives("t1w", "brain", "tissue") if GREY_MATTER else {}),
        inspection=INSPECTION,
        pet=scan_input("pet"),
        json=companion_input("pet", "json"),
        inherited=inherited_input("pet"),
        reference_mask=[] if GREY_MATTER else scan_input("reference_mask"),
    output:
        map=derivative(DERIVED["DVR"]),
        written_beside=beside([derivative(DERIVED["DVR"])]),
    log:
        "<results>/logs/fit_dvr/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/fit_dvr/{folder}/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        options={key: config["maps"][key] for key in ("t_star_min", "k2_prime", "reference")}
        | {
            "model": config["maps"]["dvr_model"],
            "motion": config["maps"]["pet_motion"],
            "registration": registration_settings() if GREY_MATTER else None,
            "seed": config["seed"],
        },
        library=library("imaging.maps.kinetics"),
    script:
        "../workflow_scripts/fit_dvr.py"
