"""The report, the patients' pages and the tables for a paper."""

# a copy of results keeps the record of the original run
RUN_PROVENANCE = f"{RESULTS}/provenance.json"
PROVENANCE = f"{RESULTS}/provenance_archive.json" if ARCHIVE else RUN_PROVENANCE
# patients that have a page, those of external sites after the others
PAGED = COHORT.patients + [scan for scan in COHORT.external if COHORT.group[scan] == "MS"]
PATIENT_PAGES = expand(f"{RESULTS}/patients/{{scan}}.html", scan=PAGED)
LATEX_TABLES = {
    table: f"{RESULTS}/tables/{table}.tex"
    for table in ("ladder", "claims", "demyelination", "lesion_agreement", "statistics")
}
# facts that the tables or their notes state; others must not write them again
LATEX_FACTS = ("simulated", "world", "n_patients", "n_controls", "n_folds", "k", "method")
METHODS_TEXT = {"text": f"{RESULTS}/methods.md", "references": f"{RESULTS}/references.bib"}
REPORT = [f"{RESULTS}/report.html", *PATIENT_PAGES, *LATEX_TABLES.values(), *METHODS_TEXT.values()]


rule write_patient_pages:
    """A page per patient: slices through the largest lesions, true and predicted DVR, agreement, numbers."""
    input:
        images=all_of(
            PAGED,
            *("mtr", "fa", "rd", "ad", "dvr", "regions", "predicted", "demyelinated"),
        ),
        tables=expand(
            f"{RESULTS}/evaluation/{{folder}}{{table}}.tsv",
            folder=["", "external/"] if COHORT.external else [""],
            table=["voxelwise", "demyelination", "lesions"],
        ),
        quality=QUALITY[:1],
        templates=templates("macros", "patient"),
    output:
        PATIENT_PAGES,
    log:
        "<results>/logs/write_patient_pages.log",
    benchmark:
        "<results>/benchmarks/write_patient_pages.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        scans=PAGED,
        external=COHORT.external,
        methods=METHODS,
        method=SHOWN_METHOD,
        k=config["evaluation"]["k"],
        colours=config["reporting"]["agreement_colours"],
        simulated=IS_SIMULATED,
        world=config["simulation"]["world"] if IS_SIMULATED else "",
        library=library("reporting.pages.patient"),
    script:
        "../workflow_scripts/write_patient_pages.py"


rule write_latex_tables:
    """The main tables for a paper, as LaTeX."""
    input:
        tables=EVALUATION,
    output:
        **LATEX_TABLES,
    log:
        "<results>/logs/write_latex_tables.log",
    benchmark:
        "<results>/benchmarks/write_latex_tables.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        facts={key: run_facts()[key] for key in LATEX_FACTS},
        library=library("reporting.tables.latex"),
    script:
        "../workflow_scripts/write_latex_tables.py"


rule write_provenance:
    """The provenance of the results: settings, versions, seed and commit."""
    input:
        # written again whenever results change
        results=[*COHORT_TABLES, *EVALUATION],
        figures=expand(f"{FIGURE_FILES}.png", figure=drawn_figures()),
        run=RUN_PROVENANCE if ARCHIVE else [],
    output:
        PROVENANCE,
    log:
        "<results>/logs/write_provenance.log",
    benchmark:
        "<results>/benchmarks/write_provenance.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        # the script takes the settings themselves from Snakemake
        config_sha256=config_hash(config),
        # of all modules: it names the version that finished the results
        library=hash_of_all(),
    script:
        "../workflow_scripts/write_provenance.py"


rule write_methods_text:
    """The methods section of a paper, from the settings and the cohort of this run, with its references."""
    input:
        **{table: f"<results>/cohort/{table}.tsv" for table in ("cohort", "excluded", "folds")},
        provenance=PROVENANCE,
        template=own_file(LIBRARY / "myelosketch/reporting/methods/methods.md.j2"),
        known=own_file(LIBRARY / "myelosketch/reporting/methods/references.bib"),
    output:
        **METHODS_TEXT,
    log:
        "<results>/logs/write_methods_text.log",
    benchmark:
        "<results>/benchmarks/write_methods_text.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        # the script takes the settings themselves from Snakemake
        config_sha256=config_hash(config),
        library=library("reporting.methods.text"),
    script:
        "../workflow_scripts/write_methods_text.py"


rule write_report:
    """One HTML file that needs no network: tables, figures, claims, versions, limits."""
    input:
        figures=expand(f"{FIGURE_FILES}.{{kind}}", figure=drawn_figures(), kind=["png", "tsv"]),
        tables=[*EVALUATION, *REGION_TABLES, REGION_VOLUMES, *REGISTRATION_ERROR, *QUALITY],
        cohort=COHORT_TABLES,
        thresholds=expand([*REFERENCE.values()], fold=COHORT.fold_ids),
        pages=PATIENT_PAGES,
        provenance=PROVENANCE,
        methods=METHODS_TEXT["text"],
        captions=own_file(RULES / "captions/figures.rst"),
        glossary=own_file(RULES.parent / "docs/glossary.md"),
        templates=templates("macros", "report"),
    output:
        report("<results>/report.html", caption="captions/report.rst", category="Report"),
    log:
        "<results>/logs/write_report.log",
    benchmark:
        "<results>/benchmarks/write_report.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        facts=run_facts(),
        library=library("reporting.pages.report"),
    script:
        "../workflow_scripts/write_report.py"
