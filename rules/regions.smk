"""Floor 3: one label map per scan on petref: other, normal-appearing or healthy white matter, lesion."""

REGIONS = [out("regions", scan=scan) for scan in SCANS]
REGION_VOLUMES = "results/evaluation/region_volumes.tsv"


rule make_regions:
    """Tissue and lesions as fractions of each PET voxel, then one label per voxel."""
    input:
        tissue=pat("tissue"),
        brain=pat("brain"),
        lesion_mask=scan_input("lesion_mask"),
        petref=pat("dvr"),
        xfm_t1w_to_petref=pat("xfm_t1w_to_petref"),
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
        threshold=config["regions"]["threshold"],
        perilesional_mm=config["regions"]["perilesional_mm"],
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
