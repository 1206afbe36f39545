"""Floor 2: the simulated cohort, written as a BIDS dataset that the other stages read like a user's own."""

SIMULATED_DATASET = [
    *dataset_files(SIMULATED).values(),
    *(
        path
        for person in SIMULATED_PEOPLE.itertuples()
        for path in simulated_outputs(person.subject, person.group).values()
    ),
]


rule simulate_participant:
    """One simulated patient: anatomy, lesions, measured maps and their ground truth."""
    output:
        **simulated_outputs("{subject}", "MS"),
        written_beside=simulated_beside("{subject}", "MS"),
    log:
        "results/logs/simulate_participant/{subject}.log",
    benchmark:
        "results/benchmarks/simulate_participant/{subject}.tsv"
    wildcard_constraints:
        subject=simulated_subjects("MS"),
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=10,
    params:
        group="MS",
        settings=simulated_settings,
        seed=config["seed"],
        library=library("simulation.participant"),
    script:
        "../workflow_scripts/simulate_participant.py"


use rule simulate_participant as simulate_control with:
    output:
        **simulated_outputs("{subject}", "HC"),
        written_beside=simulated_beside("{subject}", "HC"),
    log:
        "results/logs/simulate_control/{subject}.log",
    benchmark:
        "results/benchmarks/simulate_control/{subject}.tsv"
    wildcard_constraints:
        subject=simulated_subjects("HC"),
    params:
        group="HC",
        settings=simulated_settings,
        seed=config["seed"],


rule describe_simulated_cohort:
    """Description, participants table and README of the simulated dataset."""
    output:
        **dataset_files(SIMULATED),
    log:
        "results/logs/describe_simulated_cohort.log",
    benchmark:
        "results/benchmarks/describe_simulated_cohort.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        people=SIMULATED_PEOPLE.to_dict("records"),
        settings=SIMULATION_SETTINGS,
        seed=config["seed"],
        library=library("simulation.cohort"),
    script:
        "../workflow_scripts/describe_simulated_cohort.py"
