"""The user's own regions (evaluation.atlases) on each PET grid, measured and predicted; none by default."""


include: "own_regions_inputs.smk"


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
