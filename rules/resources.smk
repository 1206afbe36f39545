"""What a run was made from, at its end."""

import os
import shlex

# for the provenance of the run; jobs inherit it
os.environ.setdefault("MYELOSKETCH_COMMAND", shlex.join(["snakemake", *sys.argv[1:]]))
PROVENANCE = [f"{RESULTS}/provenance.json", f"{RESULTS}/ro-crate-metadata.json"]
# scan -> its files; of a simulated one also its truth
COHORT_FILES = {
    scan: sorted(
        simulated_outputs(names.subject_of(scan), GROUP[scan]).values()
        if IS_SIMULATED
        else used_files(INSPECTED[scan], reference=config["maps"]["reference"]).values()
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
