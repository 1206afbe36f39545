"""The results folder as RO-Crate 1.1 (Workflow Run Crate 0.5): what it holds, in words that archives understand.

Source: https://w3id.org/ro/crate/1.1 and https://w3id.org/ro/wfrun/workflow/0.5.
"""

import os
from pathlib import Path
from urllib.parse import quote

CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
METADATA = "ro-crate-metadata.json"
RO_CRATE = "https://w3id.org/ro/crate/1.1"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
MIT = "https://spdx.org/licenses/MIT"
LICENCE, RUN = "#licence", "#run"
FORMATS = {
    ".tsv": "text/tab-separated-values",
    ".csv": "text/csv",
    ".json": "application/json",
    ".html": "text/html",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".yaml": "application/yaml",
    ".gz": "application/gzip",
}


def crate(found, *, root, main, kept):
    """Content of ``ro-crate-metadata.json``.

    Parameters
    ----------
    found : dict, the content of provenance.json
    root : results folder, which is the crate
    main : path of the copied Snakefile in it
    kept : dict, path to size and hash, of the other files written with it: workflow, configuration, provenance.json

    Returns
    -------
    dict : JSON-LD. Files outside ``root`` are named by scan and file name only, not by where they lie.
    """
    inputs = {path: facts for files in found["inputs"].values() for path, facts in files.items()}
    made = found["models"] | found["results"]
    outside = {
        path: f"#{scan}/{number}/{quote(Path(path).name)}"
        for scan, files in found["inputs"].items()
        for number, path in enumerate(files, start=1)
        if not _inside(path, root)
    }
    ids = outside | {path: _address(path, root) for path in inputs | made | kept if path not in outside}
    based_on = {
        path: found["jobs"][facts["job"]]["made_from"]
        for path, facts in made.items()
        if facts["job"] in found["jobs"]
    }
    files = [
        _file(ids[path], path, facts) | _based_on(based_on.get(path, ()), ids)
        for path, facts in (inputs | made | kept).items()
        if path != main
    ]
    started = [path for path in kept if path.endswith("config.yaml")]
    parts = [ids[main], *(file["@id"] for file in files if not file["@id"].startswith("#"))]
    rules = [ids[path] for path in kept if path.endswith(".smk")]
    workflow = {
        **_file(ids[main], main, kept[main]),
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": f"myelosketch {found['software']['myelosketch']}",
        "version": found["workflow"]["commit"] or found["software"]["myelosketch"],
        "programmingLanguage": {"@id": LANGUAGE},
        "license": {"@id": MIT},
        "hasPart": _references(rules),
    }
    run = {
        "@id": RUN,
        "@type": "CreateAction",
        "name": "Run of myelosketch",
        "description": found["workflow"]["command"] or "The command is not known.",
        "instrument": {"@id": ids[main]},
        "object": _references(ids[path] for path in [*started, *inputs]),
        "result": _references(ids[path] for path in made),
    }
    times = {"startTime": found["run"]["started"], "endTime": found["run"]["ended"]}
    run |= {key: value for key, value in times.items() if value}
    graph = [
        _descriptor(),
        _root(found, parts, ids[main]),
        *_profiles(),
        *_context(found),
        workflow,
        run,
        *files,
    ]
    return {"@context": CONTEXT, "@graph": graph}


def _inside(path, root):
    return not os.path.relpath(path, root).startswith("..")


def _address(path, root):
    """Address of a file relative to the crate, as a URI."""
    return quote(Path(os.path.relpath(path, root)).as_posix())


def _file(identifier, path, facts):
    """A file, or, where it is not in the crate, what is known of it."""
    entity = {"@id": identifier, "@type": "CreativeWork" if identifier.startswith("#") else "File"}
    entity |= {"name": Path(path).name, "contentSize": str(facts["bytes"])}
    if "sha256" in facts:
        entity["sha256"] = facts["sha256"]
    if "modified" in facts:
        entity["dateModified"] = facts["modified"]
    if Path(path).suffix in FORMATS:
        entity["encodingFormat"] = FORMATS[Path(path).suffix]
    return entity


def _based_on(sources, ids):
    """What a file was made from, as far as the crate holds it."""
    held = [ids[source] for source in sources if source in ids]
    return {"isBasedOn": _references(held)} if held else {}


def _references(identifiers):
    return [{"@id": identifier} for identifier in dict.fromkeys(identifiers)]


def _descriptor():
    return {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": _references([RO_CRATE, WORKFLOW_CRATE]),
    }


def _root(found, parts, main):
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": "Results of myelosketch",
        "description": "Myelin content (PIB PET DVR) predicted from MRI, with its evaluation. Research only.",
        "datePublished": found["run"]["ended"],
        "license": {"@id": LICENCE},
        "conformsTo": _references(PROFILES),
        "hasPart": _references(parts),
        "mainEntity": {"@id": main},
        "mentions": {"@id": RUN},
    }


def _profiles():
    return [
        {"@id": identifier, "@type": "CreativeWork", "name": name, "version": number}
        for identifier, (name, number) in PROFILES.items()
    ]


def _context(found):
    return [
        {
            "@id": LICENCE,
            "@type": "CreativeWork",
            "name": "Not declared",
            "description": "Whoever publishes this folder says under which licence; the workflow itself is MIT.",
        },
        {"@id": MIT, "@type": "CreativeWork", "name": "MIT License"},
        {
            "@id": LANGUAGE,
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "identifier": "https://doi.org/10.1093/bioinformatics/bts480",
            "url": "https://snakemake.readthedocs.io",
            "version": found["software"].get("snakemake", "unknown"),
        },
    ]
