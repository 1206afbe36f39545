"""One label map per scan on petref: other, normal-appearing or healthy white matter, lesion."""


rule label_scan:
    """One label per PET voxel, from its fractions of tissues and lesions; volumes and PET coverage of the regions."""
    input:
        fractions=derivative("fractions"),
        sidecar=names.written_beside(derivative("fractions")),
        dvr=measured_dvr_input,
    output:
        **derivatives("regions", "regions_table"),
        written_beside=names.written_beside(derivative("regions")),
    log:
        "<results>/logs/label_scan/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/label_scan/{folder}/{scan}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        regions=config["regions"],
        control=lambda wildcards: COHORT.group[wildcards.scan] == "HC",
        library=library("imaging.regions"),
    script:
        "../workflow_scripts/label_scan.py"


rule gather_volumes:
    """Volumes of all scans' regions in one table."""
    input:
        all_of(COHORT.scans, "regions_table"),
    output:
        REGION_VOLUMES,
    log:
        "<results>/logs/gather_volumes.log",
    benchmark:
        "<results>/benchmarks/gather_volumes.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        groups=COHORT.group,
        library=library("imaging.regions"),
    script:
        "../workflow_scripts/gather_volumes.py"


rule label_own_regions:
    """The user's label image on the PET grid of a scan: the label that fills most of each voxel."""
    input:
        unpack(atlas_input),
    output:
        **derivatives("own_regions", "own_regions_table"),
        written_beside=names.written_beside(derivative("own_regions")),
    log:
        "<results>/logs/label_own_regions/{folder}/{scan}_{atlas}.log",
    benchmark:
        "<results>/benchmarks/label_own_regions/{folder}/{scan}_{atlas}.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        space=lambda wildcards: ATLASES[wildcards.atlas][wildcards.scan].space,
        threshold=config["regions"]["threshold"],
        library=library("evaluation.own_regions"),
    script:
        "../workflow_scripts/label_own_regions.py"
