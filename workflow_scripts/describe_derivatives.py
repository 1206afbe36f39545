"""Entry of the rule describe_derivatives."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.io.derivatives import describe_derivatives
    from myelosketch.reporting.run_provenance import git_commit

    describe_derivatives(snakemake.output, commit=git_commit(), source=snakemake.input.source or None)
