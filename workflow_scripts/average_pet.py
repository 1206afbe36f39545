"""Entry of the rule average_pet."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.maps.early_frames import average_early_frames
    from myelosketch.intake.gate import refuse_scan

    # not a parameter, so that accepting a scan does not repeat finished steps
    refuse_scan(snakemake.input.inspection, snakemake.config["cohort"]["accept"])
    average_early_frames(
        {"pet": snakemake.input.pet, "json": snakemake.input.json},
        snakemake.output.map,
        window_min=snakemake.params.window_min,
        t_star_min=snakemake.params.t_star_min,
        motion=snakemake.params.motion,
        seed=snakemake.params.seed,
    )
