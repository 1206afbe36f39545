"""Input functions for the files of a scan in the cohort's table."""

from myelosketch.cohort.table import (
    FILE_COLUMNS,
    TRANSFORMS,
    already_aligned,
    companions,
    used_files,
)
from myelosketch.io.inheritance import metadata_files
from myelosketch.io.provenance import sidecar_path
from myelosketch.io.user_files import file_problem


def scan_input(name):
    """Input function: a file of the cohort table for the scan of the wildcards ([] if there is none)."""
    return lambda wildcards: COHORT.rows[wildcards.scan][name] or []


def companion_input(name, kind):
    """Input function: a file that belongs to a raw series of the cohort table ([] if there is none)."""

    def companion(wildcards):
        path = COHORT.rows[wildcards.scan][name]
        return companions(name, path)[kind] if path else []

    return companion


def inherited_input(name):
    """Input function: JSON files in folders above a series of the cohort table that apply to it too."""

    def inherited(wildcards):
        path = COHORT.rows[wildcards.scan][name]
        beside = companions(name, path)["json"]
        return [str(file) for file in metadata_files(path) if str(file) != beside]

    return inherited


def segmentation_notes_input(wildcards):
    """Input function: files that name the labels or volumes of a scan's segmentation: a TSV beside it, and JSON files."""
    path = COHORT.rows[wildcards.scan]["segmentation"]
    notes = [*metadata_files(path), sidecar_path(path).with_suffix(".tsv")] if path else []
    return [str(note) for note in notes if not file_problem(note)]


def map_input(name):
    """Input function: a map from the cohort table, or else derived from raw images ([] without PET)."""

    def path(wildcards):
        if name == "DVR" and wildcards.scan in COHORT.without_pet:
            return []
        return COHORT.rows[wildcards.scan][name] or derivative(DERIVED[name], wildcards.scan)

    return path


def flair_input(wildcards):
    """Input function: the FLAIR of a scan whose lesions are drawn or segmented on it."""
    return COHORT.rows[wildcards.scan]["FLAIR"] if wildcards.scan in COHORT.on_flair else []


def flair_transform_input(wildcards):
    """Input function: the transform of the FLAIR, if there is one."""
    on_flair = wildcards.scan in COHORT.on_flair
    return derivative("xfm_flair_to_t1w", wildcards.scan) if on_flair else []


def transform_input(name):
    """Input function: a transform to the T1w that the cohort table gives ([] for none, or without its image)."""
    return lambda wildcards: used_files(COHORT.rows[wildcards.scan]).get(name, [])


GIVEN_TRANSFORMS = {name: transform_input(name) for name in TRANSFORMS}


def aligned_images(scan):
    """Images of a scan that are already aligned with its T1w, according to the configuration."""
    return already_aligned(COHORT.rows[scan], config["registration"]["given"])


def pet_anatomy_input(wildcards):
    """Input function: the mean of early frames, if the DVR is derived from a dynamic PET."""
    derived = COHORT.rows[wildcards.scan]["pet"] and not COHORT.rows[wildcards.scan]["DVR"]
    return derivative("pet_early", wildcards.scan) if derived else []


def phase_encoding_input(wildcards):
    """Input function: the JSON with the phase encoding of a scan's diffusion images, if it is needed."""
    row = COHORT.rows[wildcards.scan]
    image = row["dwi"] or row["FA"]
    given = row["xfm_dwi"] or "dwi" in aligned_images(wildcards.scan)
    if given or config["registration"]["dwi"] != "deformable":
        return []
    return str(sidecar_path(image)) if IS_SIMULATED else list(map(str, metadata_files(image)))


def inspected_files(wildcards):
    """Input function: every image of a scan by its column, and their companion files in one list."""
    row = COHORT.rows[wildcards.scan]
    files = used_files(row, reference=config["maps"]["reference"])
    images = {name: path for name, path in files.items() if name in FILE_COLUMNS}
    near = [path for name, path in files.items() if name not in FILE_COLUMNS]
    if (
        not IS_SIMULATED
    ):  # a user's image may have a JSON, beside it or above; an unreadable one would stop Snakemake itself
        notes = [str(note) for path in images.values() for note in metadata_files(path)]
        near += [note for note in dict.fromkeys(notes) if not file_problem(note)]
    return images | {"beside": list(dict.fromkeys(near))}


def facts_of(scan):
    """Entries of a scan that its inspection reads beside its files; a new scan may have any files, whatever its group."""
    # every other column (site, age) may be corrected in the table without a new inspection, and all that follows it
    facts = {key: COHORT.rows[scan][key] for key in ("scan", "group", "lesion_space")}
    return facts | ({"group": None} if PREDICTS else {})


def dataset_root():
    """Folder of the user's dataset, which no link should leave."""
    if IS_SIMULATED:
        return None
    if config["cohort"]["source"] == "table":
        return str(Path(config["cohort"]["table"]).parent)
    return config["cohort"]["bids"]["dataset"]


def map_units(scan):
    """Unit of each map of a scan: as declared, or the workflow's own if it derives the map itself."""
    row = COHORT.rows[scan]
    return {
        name: config["units"][name] if row[name] else unit for name, unit in names.UNITS.items()
    }


def registration_settings(*further):
    """Settings of a linear registration, and the further ones that a rule reads. Others must not run it again."""
    keys = ("metric", "sampling", "finest_mm", "starts", *further)
    return {key: config["registration"][key] for key in keys}


def atlas_input(wildcards):
    """Input function: the label image, its names, and the transforms from its space to the PET grid."""
    files = ATLASES[wildcards.atlas][wildcards.scan]
    to_mni = ["xfm_t1w_to_mni", *WARP_MNI] if files.space == "MNI152" else []
    keys = ("brain", "xfm_t1w_to_petref", *to_mni)
    return {
        "image": files.image,
        "names": files.names or [],
        "petref": derivative("mtr", wildcards.scan),
        **{key: derivative(key, wildcards.scan) for key in keys},
    }
