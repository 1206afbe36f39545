"""One space for the sessions of a participant, on a grid that favours no session."""


rule align_sessions:
    """The common space of a participant's sessions, at the mean of their poses, and the mean of their T1w in it."""
    input:
        unpack(aligned_input),
    output:
        common=COMMON,
        written_beside=beside([COMMON]),
    log:
        "<results>/logs/align_sessions/{subject}.log",
    benchmark:
        "<results>/benchmarks/align_sessions/{subject}.tsv"
    wildcard_constraints:
        subject=only(COHORT.followed_up),
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        scans=lambda wildcards: COHORT.followed_up[wildcards.subject],
        registration=registration_settings(),
        seed=config["seed"],
        library=library("imaging.registration.common"),
    script:
        "../workflow_scripts/align_sessions.py"


rule place_session:
    """The transform from the T1w image of a session to the common space."""
    input:
        unpack(common_input),
        t1w=derivative("t1w"),
    output:
        xfm_t1w_to_common=derivative("xfm_t1w_to_common"),
        written_beside=beside([derivative("xfm_t1w_to_common")]),
    log:
        "<results>/logs/place_session/{folder}/{scan}.log",
    benchmark:
        "<results>/benchmarks/place_session/{folder}/{scan}.tsv"
    wildcard_constraints:
        scan=only(scan for scans in COHORT.followed_up.values() for scan in scans),
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        library=library("imaging.registration.common"),
    script:
        "../workflow_scripts/place_session.py"
