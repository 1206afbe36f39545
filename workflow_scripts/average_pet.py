"""Entry of the rule average_pet."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.imaging.early_frames import average_early_frames

    average_early_frames(
        {"pet": snakemake.input.pet, "json": snakemake.input.json},
        snakemake.output.map,
        window_min=snakemake.params.window_min,
        t_star_min=snakemake.params.t_star_min,
        motion=snakemake.params.motion,
        seed=snakemake.params.seed,
    )
