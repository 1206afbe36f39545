"""Floor 3: one label map per scan on petref: other, normal-appearing or healthy white matter, lesion."""

REGION_VOLUMES = "results/evaluation/region_volumes.tsv"


rule label_scans:
    """One label per PET voxel from the fractions of it that each tissue and lesions fill; recorded with volumes."""
    input:
        admitted=ancient("results/registration/admitted.tsv"),
        registered=registered_part,
    output:
        LABELLED,
    log:
        f"results/logs/label_scans/{PART}.log",
    benchmark:
        f"results/benchmarks/label_scans/{PART}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        scans=part_scans,
        regions=config["regions"],
        library=library("imaging.regions"),
    script:
        "../workflow_scripts/label_scans.py"


rule gather_volumes:
    """Volumes of all scans' regions in one table."""
    input:
        records=of_parts(LABELLED, FOLD_IDS),
    output:
        REGION_VOLUMES,
    log:
        "results/logs/gather_volumes.log",
    benchmark:
        "results/benchmarks/gather_volumes.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        groups={scan: GROUP[scan] for scan in SCANS},
        library=library("imaging.regions"),
    script:
        "../workflow_scripts/gather_volumes.py"
