"""Entry of the rule survey_lesions."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.calibration.lesion_survey import survey_patient

    survey_patient(
        snakemake.output[0], snakemake.wildcards.patient, snakemake.params.settings, snakemake.params.seed
    )
