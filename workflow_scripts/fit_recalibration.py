"""Entry of the rule fit_recalibration."""

import tempfile
from pathlib import Path

from myelosketch.job import job

with job(snakemake):
    from myelosketch.learning.ladder import NETWORK_METHODS
    from myelosketch.learning.packs import read_packs
    from myelosketch.learning.recalibration import fit_recalibration, fitter

    method, params = snakemake.wildcards.base, snakemake.params
    # not a parameter, because another device is no reason to train again
    device = snakemake.config["training"]["device"]
    if method in NETWORK_METHODS:
        from myelosketch.learning.gpu_lock import hold_gpu

        hold_gpu(device)
    with tempfile.TemporaryDirectory() as work:
        options = {"seed": params.seed, "flips": params.flips, "device": device, "threads": snakemake.threads}
        fit_recalibration(
            method,
            read_packs(params.scans, snakemake.input.scans),
            Path(snakemake.output.weights).parent,
            base=Path(snakemake.input.card).parent,
            fit=fitter(method, params.settings, work=work, **options),
            inputs=params.settings["inputs"],
            harmonise=params.harmonise,
            controls=params.controls,
            sites=params.sites,
            fold=int(snakemake.wildcards.fold),
        )
