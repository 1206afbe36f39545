"""Who is in, who is left out, the folds, and the checks of each file."""


rule write_cohort:
    """The cohort with its data dictionary, the exclusions and the folds, as decided when the workflow was parsed."""
    output:
        cohort="<results>/cohort/cohort.tsv",
        columns="<results>/cohort/cohort.json",
        excluded="<results>/cohort/excluded.tsv",
        folds="<results>/cohort/folds.tsv",
    log:
        "<results>/logs/write_cohort.log",
    benchmark:
        "<results>/benchmarks/write_cohort.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        cohort=COHORT.included.to_dict("records"),
        excluded=COHORT.excluded.to_dict("records"),
        folds=COHORT.folds.to_dict("records"),
        library=library("cohort.columns"),
    script:
        "../workflow_scripts/write_cohort.py"


rule write_config:
    """The configuration in use, for studies of a finished run."""
    output:
        "<results>/cohort/config.json",
    log:
        "<results>/logs/write_config.log",
    benchmark:
        "<results>/benchmarks/write_config.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        # the script reads the settings themselves from Snakemake
        config_sha256=config_hash(config),
    script:
        "../workflow_scripts/write_config.py"


rule write_found:
    """Every scan found, complete or not: a table to inspect, edit and use with cohort.source: table."""
    input:
        # newer than the table that a refused plan leaves here, so that it is written again
        own_file(LIBRARY / "write_found.py"),
    output:
        "<results>/cohort/found.tsv",
    log:
        "<results>/logs/write_found.log",
    benchmark:
        "<results>/benchmarks/write_found.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        rows=COHORT.found.to_dict("records"),
        library=library("cohort.found"),
    script:
        "../workflow_scripts/write_found.py"


rule describe_derivatives:
    """The derivatives as a BIDS dataset: description, names without a rule in BIDS, README."""
    input:
        source=source_description(),
    output:
        **DESCRIPTION,
    log:
        "<results>/logs/describe_derivatives.log",
    benchmark:
        "<results>/benchmarks/describe_derivatives.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        library=library("io.derivatives"),
    script:
        "../workflow_scripts/describe_derivatives.py"


rule inspect_scan:
    """Open, describe and check every file of a scan, and draw a picture for the page."""
    input:
        unpack(inspected_files),
    output:
        INSPECTION,
    log:
        "<results>/logs/inspect_scan/{scan}.log",
    benchmark:
        "<results>/benchmarks/inspect_scan/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        scan=lambda wildcards: facts_of(wildcards.scan),
        units=config["units"],
        maps={
            key: config["maps"][key]
            for key in ("b_max", "b0_threshold", "t_star_min", "reference", "dvr_model")
        },
        lesions={key: config["lesions"][key] for key in ("threshold", "label")},
        root=dataset_root(),
        library=library("intake.inspection"),
    script:
        "../workflow_scripts/inspect_scan.py"


rule gather_intake:
    """One row per scan and file, with its verdict; one image under two participants is found here."""
    input:
        inspections=expand(INSPECTION, scan=COHORT.scans),
    output:
        "<results>/cohort/intake.tsv",
    log:
        "<results>/logs/gather_intake.log",
    benchmark:
        "<results>/benchmarks/gather_intake.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        accept=config["cohort"]["accept"],
        library=library("intake.gate"),
    script:
        "../workflow_scripts/gather_intake.py"


rule write_intake_page:
    """The intake on one page, the worst scans first."""
    input:
        intake="<results>/cohort/intake.tsv",
        excluded="<results>/cohort/excluded.tsv",
        inspections=expand(INSPECTION, scan=COHORT.scans),
        template=templates("intake"),
    output:
        "<results>/cohort/intake.html",
    log:
        "<results>/logs/write_intake_page.log",
    benchmark:
        "<results>/benchmarks/write_intake_page.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        library=library("reporting.pages.intake"),
    script:
        "../workflow_scripts/write_intake_page.py"


rule admit_scans:
    """Report refused and suspicious scans once the page exists; each of them stops before its first expensive job."""
    input:
        intake="<results>/cohort/intake.tsv",
        page="<results>/cohort/intake.html",
    output:
        "<results>/cohort/admitted.tsv",
    log:
        "<results>/logs/admit_scans.log",
    benchmark:
        "<results>/benchmarks/admit_scans.tsv"
    # a refusal stays the same when the job is retried
    retries: 0
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        library=library("intake.gate"),
    script:
        "../workflow_scripts/admit_scans.py"
