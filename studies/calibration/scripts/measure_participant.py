"""Entry of the rule measure_participant."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.calibration.measure import measure_participant
    from myelosketch.io.names import subject_of

    given = {name: path for name, path in snakemake.input.items() if path}
    truth = {name.removeprefix("truth_"): path for name, path in given.items() if name.startswith("truth_")}
    measure_participant(
        {name: path for name, path in given.items() if not name.startswith("truth_")},
        truth,
        snakemake.output[0],
        subject=subject_of(snakemake.wildcards.scan),
        group=snakemake.params.group,
        threshold=snakemake.params.threshold,
        perilesional_mm=snakemake.params.perilesional_mm,
    )
