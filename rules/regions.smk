"""Floor 3: one label map per scan on petref: other, normal-appearing or healthy white matter, lesion."""

REGIONS = [out("regions", scan=scan) for scan in SCANS]
REGION_VOLUMES = "results/evaluation/region_volumes.tsv"


rule make_regions:
    """One label per PET voxel from the fractions of it that each tissue and lesions fill."""
    input:
        admitted=ancient("results/registration/admitted.tsv"),
        fractions=pat("fractions"),
        library=library("imaging.regions"),
    output:
        regions=pat("regions"),
        regions_table=pat("regions_table"),
    log:
        "results/logs/make_regions/{folder}/{scan}.log",
    benchmark:
        "results/benchmarks/make_regions/{folder}/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        regions=config["regions"],
    script:
        "../workflow_scripts/make_regions.py"


rule gather_volumes:
    """Volumes of all scans' regions in one table."""
    input:
        tables=[out("regions_table", scan=scan) for scan in SCANS],
        library=library("imaging.regions"),
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
        scans=SCANS,
        groups=[GROUP[scan] for scan in SCANS],
    script:
        "../workflow_scripts/gather_volumes.py"
