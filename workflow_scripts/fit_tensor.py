"""Entry of the rule fit_tensor."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.maps.tensor import fit_tensor
    from myelosketch.intake.gate import refuse_scan

    # not a parameter, so that accepting a scan does not repeat finished steps
    refuse_scan(snakemake.input.inspection, snakemake.config["cohort"]["accept"])
    fit_tensor(dict(snakemake.input.items()), dict(snakemake.output.items()), **snakemake.params.options)
