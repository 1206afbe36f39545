# ruff: noqa: E501 - seeds and their readers stand one to a line
"""One harness per reader of the user's files: a valid seed, the ways to spoil it, and the call that reads it."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fuzz_mutations as spoil
import numpy as np
import yaml
from bundle_run import Run, signed, unpacked
from safetensors.numpy import save

from myelosketch.cohort.bids_index import BidsFile, misplaced, parse_name
from myelosketch.cohort.bids_names import NAMES, filter_problems, mask_space, may_be, passes, proposal
from myelosketch.cohort.bids_people import read_people
from myelosketch.cohort.bids_tools import bids_name
from myelosketch.cohort.columns import column_hints, describe_columns
from myelosketch.cohort.config import check_config
from myelosketch.cohort.config_text import check_config_files
from myelosketch.cohort.table import read_cohort
from myelosketch.imaging.own_regions import load_labels, read_names
from myelosketch.intake.frames import frame_problems, read_frames
from myelosketch.intake.inspection import inspect_image
from myelosketch.intake.raw import gradient_problems, load_series, read_gradients
from myelosketch.intake.shells import said_of_shells
from myelosketch.io.sidecars import read_metadata
from myelosketch.io.transform_files import read_linear
from myelosketch.io.units import pet_quantity, stated_unit
from myelosketch.io.volumes import load_volume, save_volume
from myelosketch.learning.models import FORMAT, check_model, load_model
from myelosketch.prediction.bundle import parse_bundle

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "rules/schemas/config.schema.yaml"
MAPS = {"b_max": 1500, "b0_threshold": 50, "t_star_min": 35, "reference": "mask"}
AFFINE = np.diag([6.0, 6.0, 6.0, 1.0])
ITK = "#Insight Transform File V1.0\n#Transform 0\nTransform: {}_double_3_3\nParameters: {}\nFixedParameters: 10 20 30\n"


@dataclass(frozen=True)
class Reader:
    """How one kind of file is spoilt and read.

    Parameters
    ----------
    name : str
    seeds : valid contents, list of bytes
    spoil : functions of a random.Random and bytes that give spoilt bytes
    read : function of the spoilt bytes; an error other than the project's own is a finding
    """

    name: str
    seeds: list[bytes]
    spoil: tuple[Callable, ...]
    read: Callable[[bytes], object]


def readers(folder):
    """Every reader, by its name; the spoilt files are written below an empty folder."""
    made = [*_images(folder), *_texts(folder), *_names(folder), *_transforms(folder), *_models(folder)]
    return {reader.name: reader for reader in made}


def _images(folder):
    path = folder / "image.nii"
    generator = np.random.default_rng(1)
    seeds = []
    for shape in ((6, 7, 5), (4, 4, 3, 9)):
        save_volume(folder / "seed.nii.gz", generator.uniform(0, 2, shape), AFFINE)
        seeds.append(gzip.decompress((folder / "seed.nii.gz").read_bytes()))
    labels = generator.integers(0, 9, (6, 7, 5)).astype(np.int16)
    save_volume(folder / "seed.nii.gz", labels, AFFINE)
    seeds.append(gzip.decompress((folder / "seed.nii.gz").read_bytes()))
    np.savetxt(folder / "image.bval", [[0] + [1000] * 8])
    np.savetxt(folder / "image.bvec", np.eye(3)[:, [0, 1, 2] * 3])
    frames = {"FrameTimesStart": list(range(0, 5400, 600)), "FrameDuration": [600] * 9, "InjectionStart": 0}
    (folder / "image.json").write_text(json.dumps(frames))
    packed = folder / "packed.nii.gz"

    def plain(content):
        path.write_bytes(content)
        for call in (load_volume, load_labels, load_series):
            yield lambda call=call: call(path)

    def compressed(content):
        packed.write_bytes(content)
        yield lambda: load_volume(packed)
        yield lambda: inspect_image("FA", packed, unit="1")

    def inspect(content):
        path.write_bytes(content)
        for name, unit in (("T1w", None), ("DVR", "1"), ("lesion_mask", None), ("segmentation", None)):
            yield lambda name=name, unit=unit: inspect_image(name, path, unit=unit)
        for name in ("dwi", "pet"):
            yield lambda name=name: inspect_image(name, path, maps=MAPS)

    def within_gzip(random, content):
        return gzip.compress(random.choice(of_header)(random, gzip.decompress(content)), 1)

    of_header = (spoil.spoil_header, spoil.spoil_header, spoil.spoil_bytes)
    return (
        Reader("nifti", seeds, of_header, plain),
        Reader("nifti-intake", seeds, of_header, inspect),
        Reader(
            "nifti-gz",
            [gzip.compress(seed) for seed in seeds[:2]],
            (spoil.spoil_bytes, within_gzip),
            compressed,
        ),
    )


def _texts(folder):
    image, bval, bvec = folder / "text.nii.gz", folder / "text.bval", folder / "text.bvec"
    pet = {
        "FrameTimesStart": [0, 600, 1200, 2400, 3000, 3600], "FrameDuration": [600, 600, 1200, 600, 600, 600],
        "InjectionStart": 0, "ScanStart": 0, "ImageDecayCorrected": False, "Units": "kBq/mL",
        "TracerRadionuclide": "C11", "DecayCorrectionFactor": [1, 1.2, 1.4, 1.6, 1.8, 2], "Description": "DVR",
    }  # fmt: skip

    def sidecar(content):
        image.with_name("text.json").write_bytes(content)
        yield lambda: pet_quantity(image, read_metadata(image))
        yield lambda: stated_unit(image)
        yield lambda: frame_problems(read_frames(image), 6, t_star_min=35)

    def gradients(content):
        first, _, second = content.partition(b"\n\n")
        bval.write_bytes(first)
        bvec.write_bytes(second)

        def read():
            bvals, bvecs = read_gradients(bval, bvec)
            limits = {"b_max": 1500, "b0_threshold": 50}
            if not gradient_problems(bvals, bvecs, 9, **limits):
                said_of_shells(bvals, **limits)

        yield read

    def table(suffix):
        path = folder / f"cohort{suffix}"

        def read(content):
            path.write_bytes(content)

            def cohort():
                found = read_cohort(path)
                describe_columns(found)
                column_hints(found)

            yield cohort

        return read

    header = "subject,session,group,site,T1w,lesion_mask,FA,RD,AD,MTR,DVR,age,date,sex"
    rows = [
        f"{name},{session},{group},A,t1.nii.gz,l.nii,f.nii,r.nii,a.nii,m.nii,d.nii,{age},2020-0{session}-03T10:00:00+02:00,f"
        for name, session, group, age in (("01", 1, "MS", 44), ("01", 2, "MS", 45.5), ("02", 1, "HC", "n/a"))
    ]
    csv = "\n".join([header, *rows]).encode()
    people = folder / "participants.tsv"
    settings = {
        "dataset": str(folder), "participants": str(people), "group_column": "group", "site_column": "site",
        "groups": {"MS": ["MS", 1], "HC": ["HC", "control"]},
    }  # fmt: skip

    def participants(content):
        people.write_bytes(content)
        yield lambda: read_people(settings, ["01", "02"])

    names = folder / "names.txt"

    def label_names(content):
        names.write_bytes(content)
        names.with_suffix(".tsv").write_bytes(content)
        yield lambda: read_names(names)
        yield lambda: read_names(names.with_suffix(".tsv"))

    config = folder / "mine.yaml"

    def configuration(content):
        config.write_bytes(content)

        def read():
            check_config_files([config])
            try:
                found = yaml.load(content.decode("utf-8"), Loader=yaml.CSafeLoader)
            except (yaml.YAMLError, ValueError, RecursionError):
                return  # Snakemake refuses it before the workflow reads it
            if isinstance(found, dict):
                check_config(found, SCHEMA)

        yield read

    words = (spoil.spoil_words, spoil.spoil_words, spoil.spoil_bytes)
    bvals = " ".join(["0", *["1000"] * 8])
    bvecs = "0 1 0 0 .6 .6 0 .6 0\n0 0 1 0 .8 0 .6 -.8 .6\n0 0 0 1 0 .8 .8 0 -.8"
    whole = (ROOT / "config.yaml").read_bytes()
    aliases = b"a: &a [x, y]\ncohort: {bids: &b {dataset: ds, filters: {T1w: {run: 1}}}}\ntraining: *a\nlesions: *b\n"
    return (
        Reader("sidecar", [json.dumps(pet).encode()], (spoil.spoil_json, *words), sidecar),
        Reader("gradients", [f"{bvals}\n\n{bvecs}\n".encode()], words, gradients),
        Reader("table-tsv", [csv.replace(b",", b"\t")], words, table(".tsv")),
        Reader("table-csv", [csv], words, table(".csv")),
        Reader("participants", [b"participant_id\tgroup\tsite\tage\nsub-01\tMS\tA\t4\nsub-02\tHC\tB\t5\n"], words, participants),
        Reader("label-names", [b"index\tname\n1\tleft\n2\tright\n", b"#No. Name R G B A\n0 Unknown 0 0 0 0\n17 Left-Hippocampus 220 216 20 0\n"], words, label_names),
        Reader("configuration", [*(path.read_bytes() for path in sorted((ROOT / "configs").glob("*.yaml"))), aliases, whole], words, configuration),
    )  # fmt: skip


def _names(folder):
    def bids(content):
        name = content.decode("utf-8", "surrogateescape").split("\n")[0]

        def read():
            parsed = parse_name(bids_name(name, "sub-01"))
            if parsed is None:
                return
            file = BidsFile(f"ds/{name}", "ds", "01", None, *parsed, False)
            misplaced(file)
            mask_space(file)
            proposal([[file, file._replace(entities={"run": "1"})]])
            for one in NAMES:
                may_be(file, one, {"run": [1, None], "desc": "*"})
            passes(file, {"space": ["orig", None], "run": 1})
            list(filter_problems("T1w", {"run": 2, "acq": "*a[!"}, [file]))

        yield read

    seeds = [
        b"sub-01_ses-2_acq-x_run-01_T1w.nii.gz",
        b"sub-01_space-MNI152_label-lesion_mask.nii",
        b"dti_L1.nii.gz",
    ]
    return (Reader("bids-names", seeds, (spoil.spoil_words, spoil.spoil_bytes), bids),)


def _transforms(folder):
    from myelosketch.imaging.registration.transforms import save_matrix

    matrix = np.array([[1, 0, 0, 3.25], [0, 0.8, -0.6, -7], [0, 0.6, 0.8, 11], [0, 0, 0, 1]])
    save_matrix(folder / "seed.mat", matrix)
    grid = "valid = 1\nfilename = a.mgz\nvolume = 256 256 256\nvoxelsize = 1 1 1\nxras = -1 0 0\nyras = 0 0 -1\nzras = 0 1 0\ncras = 0 0 0\n"
    lta = (
        "type = {}\nnxforms = 1\nmean = 0 0 0\nsigma = 1\n1 4 4\n1 0 0 2\n0 1 0 3\n0 0 1 4\n0 0 0 1\n"
        f"src volume info\n{grid}dst volume info\n{grid}"
    )
    kinds = (
        ("AffineTransform", "1.01 .02 .03 -.02 .99 .1 -.03 -.1 .98 4 5 6"), ("Euler3DTransform", ".1 .2 .3 4 5 6"),
        ("Similarity3DTransform", ".1 .2 .3 4 5 6 1.05"), ("TranslationTransform", "4 5 6"),
    )  # fmt: skip
    texts = [ITK.format(*kind).encode() for kind in kinds]

    def of(suffix):
        path = folder / f"transform{suffix}"

        def read(content):
            path.write_bytes(content)
            yield lambda: read_linear(path)

        return read

    words = (spoil.spoil_words, spoil.spoil_bytes)
    return (
        Reader("transform-txt", texts, words, of(".txt")),
        Reader("transform-tfm", texts, words, of(".tfm")),
        Reader(
            "transform-mat", [(folder / "seed.mat").read_bytes(), texts[0]], (spoil.spoil_bytes,), of(".mat")
        ),
        Reader("transform-lta", [lta.format(0).encode(), lta.format(1).encode()], words, of(".lta")),
    )


def _models(folder):
    run = Run(folder / "run")
    bundle = run.bundle().read_bytes()
    files = unpacked(run.folder / "model.zip")
    model = run.models[1, "sketcher"]
    card, weights = (model / "model.json").read_bytes(), (model / "model.safetensors").read_bytes()
    own = folder / "model"
    own.mkdir()

    def whole(content):
        yield lambda: parse_bundle(signed(content[:-71]), "model.zip")
        yield lambda: parse_bundle(content, "model.zip")

    def entries(content):
        """A bundle that vouches for a spoilt file of it: first line its name, then its content."""
        from myelosketch.prediction.bundling import pack

        name, _, spoilt = content.partition(b"\n")
        changed = files | {name.decode(): spoilt}
        if name != b"bundle.json":
            _vouch(changed, name.decode(), spoilt)
        packed = pack(changed)
        yield lambda: parse_bundle(packed, "model.zip")

    def alone(content):
        (own / "model.json").write_bytes(content)
        (own / "model.safetensors").write_bytes(weights)
        yield lambda: load_model(own, method="sketcher")

    def arrays(content):
        import hashlib

        right = json.loads(card) | {"weights_sha256": hashlib.sha256(content).hexdigest(), "format": FORMAT}
        yield lambda: check_model("model.json", right, content)

    def behind_the_name(random, content):
        name, _, content = content.partition(b"\n")
        functions = [spoil.spoil_bytes, spoil.spoil_words]
        if name.endswith(b".json"):
            functions = [spoil.spoil_json] * 3 + functions
        return name + b"\n" + random.choice(functions)(random, content)

    tensors = save({"a": np.ones((2, 3), np.float32), "b": np.zeros(4, np.int64)})
    chosen = [
        name for name in files if name.startswith(("bundle", "fold-1/sketcher")) or name.endswith(".tsv")
    ]
    return (
        Reader("bundle-zip", [bundle], (spoil.spoil_bytes,), whole),
        Reader(
            "bundle-entries",
            [f"{name}\n".encode() + files[name] for name in chosen],
            (behind_the_name,),
            entries,
        ),
        Reader("card", [card], (spoil.spoil_json, spoil.spoil_words, spoil.spoil_bytes), alone),
        Reader(
            "safetensors",
            [tensors, weights],
            (spoil.spoil_words, spoil.spoil_bytes, spoil.spoil_bytes),
            arrays,
        ),
    )


def _vouch(files, name, content):
    """Give the manifest the size and the checksum of a spoilt file."""
    import hashlib

    manifest = json.loads(files["bundle.json"])
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    files["bundle.json"] = json.dumps(manifest).encode()
