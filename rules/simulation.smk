"""The simulated cohort, written as a BIDS dataset that the other stages read like any user's."""

SIMULATED_DATASET = [
    *DATASET.dataset_files.values(),
    *(path for subject in DATASET.people.subject for path in DATASET.outputs(subject).values()),
]


rule simulate_participant:
    """One simulated participant: anatomy, lesions of a patient, measured images and their ground truth."""
    output:
        **DATASET.outputs("{subject}"),
        written_beside=DATASET.beside("{subject}"),
    log:
        "<results>/logs/simulate_participant/{subject}.log",
    benchmark:
        "<results>/benchmarks/simulate_participant/{subject}.tsv"
    wildcard_constraints:
        subject=only(DATASET.people.subject),
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=10,
    params:
        group=lambda wildcards: DATASET.group(wildcards.subject),
        settings=lambda wildcards: DATASET.settings(wildcards.subject),
        seed=config["seed"],
        library=library("simulation.participant"),
    script:
        "../workflow_scripts/simulate_participant.py"


rule describe_simulated_cohort:
    """Description, participants table and README of the simulated dataset."""
    output:
        **DATASET.dataset_files,
    log:
        "<results>/logs/describe_simulated_cohort.log",
    benchmark:
        "<results>/benchmarks/describe_simulated_cohort.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        people=DATASET.people.to_dict("records"),
        settings=DATASET.shared_settings,
        seed=config["seed"],
        library=library("simulation.cohort"),
    script:
        "../workflow_scripts/describe_simulated_cohort.py"
