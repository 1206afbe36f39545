"""Entry of the rule fit_tensor."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.maps.tensor import fit_tensor
    from myelosketch.intake.gate import refuse_scan

    # read from the configuration, not a parameter: what was done with an accepted scan is not done again
    refuse_scan(snakemake.input.inspection, snakemake.config["cohort"]["accept"])
    fit_tensor(dict(snakemake.input.items()), dict(snakemake.output.items()), **snakemake.params.options)
