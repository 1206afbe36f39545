"""Entry of the rule map_places."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.evaluation.places import make_place_map

    make_place_map(snakemake.output[0])
