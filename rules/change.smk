"""Change between the sessions of a participant, on a grid that favours no session."""

CHANGE_OF = f"{RESULTS}/change/sub-{{subject}}.json"
CHANGE_TABLES = {"changes": f"{RESULTS}/change.tsv", "lesions": f"{RESULTS}/change_lesions.tsv"}
# those of external sites are separate here too
EXTERNAL_CHANGE_TABLES = {
    name: path.replace(RESULTS, f"{RESULTS}/external", 1) for name, path in CHANGE_TABLES.items()
}
# only in a run whose participants have several sessions
OWN_SCANS, OTHER_SCANS = (COHORT.scans, []) if PREDICTS else (COHORT.internal, COHORT.external)
CHANGE = [
    *(CHANGE_TABLES.values() if COHORT.followed_among(OWN_SCANS) else []),
    *(EXTERNAL_CHANGE_TABLES.values() if COHORT.followed_among(OTHER_SCANS) else []),
]
CHANGE_SETTINGS = ("k", "alpha", "min_lesion_mm3", "lesion_sizes_mm3")


rule measure_change:
    """Change of DVR and of demyelinated voxels from each session of a participant to the next, with its limits."""
    input:
        unpack(sessions_input("xfm_t1w_to_common", "xfm_t1w_to_petref", "lesion", "regions")),
        unpack(changed_maps_input),
        common=COMMON,
        threshold=change_threshold_input,
        checks=lambda wildcards: checks_of(COHORT.followed_up[wildcards.subject], "json"),
        numbers=numbers_input,
        archive=OPENED,
    output:
        CHANGE_OF,
    log:
        "<results>/logs/measure_change/{subject}.log",
    benchmark:
        "<results>/benchmarks/measure_change/{subject}.tsv"
    wildcard_constraints:
        subject=only(COHORT.followed_up),
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        scans=lambda wildcards: COHORT.followed_up[wildcards.subject],
        group=lambda wildcards: COHORT.group[COHORT.followed_up[wildcards.subject][0]],
        method=SHOWN_METHOD,
        with_pet=sessions_with_pet,
        settings={key: config["evaluation"][key] for key in CHANGE_SETTINGS}
        | {"threshold": config["regions"]["threshold"], "seed": config["seed"]},
        library=library(
            "prediction.follow_up", "prediction.verdict", "imaging.registration.verdicts"
        ),
    script:
        "../workflow_scripts/measure_change.py"


rule gather_change:
    """One row per participant, pair of sessions and kind of DVR; and one per lesion."""
    input:
        expand(CHANGE_OF, subject=COHORT.followed_among(OWN_SCANS)),
    output:
        **CHANGE_TABLES,
    log:
        "<results>/logs/gather_change.log",
    benchmark:
        "<results>/benchmarks/gather_change.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        library=library("prediction.follow_up"),
    script:
        "../workflow_scripts/gather_change.py"


use rule gather_change as gather_external_change with:
    input:
        expand(CHANGE_OF, subject=COHORT.followed_among(OTHER_SCANS)),
    output:
        **EXTERNAL_CHANGE_TABLES,
    log:
        "<results>/logs/gather_external_change.log",
    benchmark:
        "<results>/benchmarks/gather_external_change.tsv"
