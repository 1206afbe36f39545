"""Entry of the rule simulate_participant."""

from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.simulation.participant import simulate_participant

    # root/sub-01[/ses-01]/anat/file
    above = Path(snakemake.output.T1w).parents
    root = next(folder.parent for folder in above if folder.name.startswith("sub-"))
    simulate_participant(
        root,
        snakemake.wildcards.subject,
        snakemake.params.group,
        snakemake.params.settings,
        snakemake.params.seed,
    )
