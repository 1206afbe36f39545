"""What makes an RO-Crate whole, for tests: every reference resolves, every file is there and is what it says."""

from urllib.parse import unquote

from myelosketch.provenance import file_hash


def references(entity):
    """Every ``@id`` that an entity of the crate refers to."""
    for key, value in entity.items():
        for item in value if isinstance(value, list) else [value]:
            if key != "@id" and isinstance(item, dict):
                yield item["@id"]


def check_crate(content, folder):
    """Assert that a crate is whole; its entities by ``@id``."""
    graph = {entity["@id"]: entity for entity in content["@graph"]}
    assert len(graph) == len(content["@graph"])  # each said once
    told = {identifier for entity in graph.values() for identifier in references(entity)}
    # what the profile itself defines is said by its address
    assert told - set(graph) == {"https://w3id.org/ro/crate/1.1"}
    files = {name: entity for name, entity in graph.items() if "File" in entity["@type"]}
    for name, entity in files.items():
        path = folder / unquote(name)
        assert path.is_file()
        assert path.stat().st_size == int(entity["contentSize"])
        assert file_hash(path) == entity["sha256"]
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    assert parts == set(files)
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    main = graph[graph["./"]["mainEntity"]["@id"]]
    assert main["@type"] == ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
    run = graph[graph["./"]["mentions"]["@id"]]
    assert run["@type"] == "CreateAction"
    assert run["instrument"] == {"@id": main["@id"]}
    return graph
