"""Entry of the rule write_provenance."""

import os

from myelosketch.job import job

with job(snakemake):
    from myelosketch.reporting.run_provenance import write_provenance

    write_provenance(
        dict(snakemake.output.items()),
        root="results",
        workflow=snakemake.input.workflow,
        config=snakemake.params.config,
        # told by the environment: as a parameter another number of cores would make the file anew
        command=os.environ.get("MYELOSKETCH_COMMAND"),
        cohort_files=snakemake.params.cohort_files,
        results=snakemake.input.results,
        weights=snakemake.input.weights,
        gates=snakemake.params.gates,
        records=".snakemake/metadata",
    )
