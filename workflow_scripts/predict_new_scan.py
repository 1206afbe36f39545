"""Entry of the rule predict_new_scan."""

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.gpu_lock import device_of_a_prediction
    from myelosketch.prediction.new_scan import predict_new_scan
    from myelosketch.prediction.verdict import Acceptance

    params = snakemake.params
    predict_new_scan(
        dict(snakemake.input.items()),
        dict(snakemake.output.items()),
        scan=snakemake.wildcards.scan,
        group=params.group,
        site=params.site,
        level=params.level,
        accepted=Acceptance(params.limits, **params.accept),
        device=device_of_a_prediction(snakemake.config["training"]["device"]),
        threads=snakemake.threads,
    )
