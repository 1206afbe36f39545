"""What a run took, on request, and, at its end, what it was made from."""

import os
import shlex

from myelosketch.reporting.resources import benchmarks_state, describe_rules

# for the provenance of the run; jobs inherit it
os.environ.setdefault("MYELOSKETCH_COMMAND", shlex.join(["snakemake", *sys.argv[1:]]))
RESOURCES_TABLE = [f"{RESULTS}/resources.{kind}" for kind in ("tsv", "yaml", "md")]
PROVENANCE = [f"{RESULTS}/provenance.json", f"{RESULTS}/ro-crate-metadata.json"]
# scan -> its files; of a simulated one also its truth
COHORT_FILES = {
    scan: sorted(
        simulated_outputs(names.subject_of(scan), GROUP[scan]).values()
        if IS_SIMULATED
        else used_files(ROWS[scan], reference=config["maps"]["reference"]).values()
    )
    for scan in SCANS
}
# every model that a figure of the report was made with
MODELS_BEHIND = [
    *MODELS,
    *(
        ablation_files("{method}/model.safetensors", method=CHANGED.get)
        if config["ablations"]["report"]
        else ()
    ),
]
# what the run was defined by, the Snakefile first
WORKFLOW_FILES = [
    "Snakefile",
    *(f"rules/{path.name}" for path in sorted((LIBRARY.parent / "rules").glob("*.smk"))),
]


rule write_resources_table:
    """Time, memory and bytes of every rule's jobs, what to ask for, and that as part of a profile."""
    output:
        table=RESOURCES_TABLE[0],
        profile=RESOURCES_TABLE[1],
        page=RESOURCES_TABLE[2],
    log:
        "results/logs/write_resources_table.log",
    benchmark:
        "results/benchmarks/write_resources_table.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        # benchmarks as inputs would run what made them again
        state=lambda wildcards: benchmarks_state("results/benchmarks"),
        rules=lambda wildcards: describe_rules(workflow.rules),
        library=library("reporting.resources"),
    script:
        "../workflow_scripts/write_resources_table.py"


rule write_provenance:
    """Configuration, versions, hashes of what went in, and of every result what it was made from."""
    input:
        results=[
            *COHORT_TABLES,
            *EVALUATION,
            REGION_VOLUMES,
            *REGISTRATION_ERROR,
            *QUALITY,
            *FIGURES,
            *REPORT,
        ],
        weights=MODELS_BEHIND,
        cards=[path.replace(".safetensors", ".json") for path in MODELS_BEHIND],
        workflow=[own_file(LIBRARY.parent / path) for path in WORKFLOW_FILES],
    output:
        provenance=PROVENANCE[0],
        crate=PROVENANCE[1],
        config=f"{RESULTS}/workflow/config.yaml",
        workflow=expand(f"{RESULTS}/workflow/{{file}}", file=WORKFLOW_FILES),
    log:
        "results/logs/write_provenance.log",
    benchmark:
        "results/benchmarks/write_provenance.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=config,
        cohort_files=COHORT_FILES,
        gates=["results/cohort/admitted.tsv", "results/registration/admitted.tsv"],
        library=library("reporting.run_provenance"),
    script:
        "../workflow_scripts/write_provenance.py"
