"""Bundles that are damaged or manipulated are refused, each with its message."""

import hashlib
import io
import json
import pickle
import re
import zipfile

import numpy as np
import pytest
from bundle_run import Run, forge, signed, unpacked

import myelosketch
from myelosketch.errors import InputError
from myelosketch.io.provenance import file_hash
from myelosketch.prediction import bundle as reading
from myelosketch.prediction.bundle import read_bundle
from myelosketch.prediction.bundling import pack

VERSION = myelosketch.__version__


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run and its bundle, for tests that change neither."""
    run = Run(tmp_path_factory.mktemp("finished"))
    return run, run.bundle()


@pytest.fixture
def path(finished):
    return finished[1]


@pytest.fixture
def files(path):
    """Every file of the bundle, to be forged."""
    return unpacked(path)


def refused(path, sentence):
    """The whole sentence, in which {path} is the file's."""
    with pytest.raises(InputError) as error:
        read_bundle(path)
    assert str(error.value) == sentence.replace("{path}", str(path))


# altered in transfer


def test_every_altered_byte_is_refused(path, tmp_path):
    content = path.read_bytes()
    places = np.random.default_rng(5).integers(0, len(content), 200)
    for place in {
        0,
        1,
        4,
        len(content) - 80,
        len(content) - 70,
        len(content) - 40,
        len(content) - 1,
        *places,
    }:
        altered = bytearray(content)
        altered[place] ^= 1 << int(place % 8)
        (tmp_path / "model.zip").write_bytes(altered)
        with pytest.raises(InputError):
            read_bundle(tmp_path / "model.zip")


def test_a_byte_altered(path, tmp_path):
    content = bytearray(path.read_bytes())
    told = content[-64:-52].decode()
    content[1000] ^= 1
    (tmp_path / "model.zip").write_bytes(content)
    found = hashlib.sha256(content[:-71]).hexdigest()[:12]
    refused(
        tmp_path / "model.zip",
        f"{{path}} was altered after it was written (its bytes have the checksum {found}, "
        f"but it ends with {told}): copy "
        "it again.",
    )


@pytest.mark.parametrize("kept", [10, 5000, -100, -71, -1])
def test_cut_short(path, tmp_path, kept):
    (tmp_path / "model.zip").write_bytes(path.read_bytes()[:kept])
    refused(
        tmp_path / "model.zip",
        "{path} does not end with the checksum of a model bundle, so it was cut short or altered in transfer, or is "
        "another zip file: copy it again.",
    )


def test_lengthened(path, tmp_path):
    (tmp_path / "model.zip").write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(InputError, match="does not end with the checksum"):
        read_bundle(tmp_path / "model.zip")


@pytest.mark.parametrize("content", [b"", b"P", b"not a zip", b"\x1f\x8b\x08" + bytes(100)])
def test_no_zip(tmp_path, content):
    (tmp_path / "model.zip").write_bytes(content)
    refused(
        tmp_path / "model.zip",
        "{path} is not a model bundle (it does not begin like a zip file): give the path of the model.zip that "
        "`snakemake "
        "bundle` wrote, or copy it again.",
    )


def test_a_zip_only_in_appearance(tmp_path):
    (tmp_path / "model.zip").write_bytes(signed(b"PK\x03\x04 and no more"))
    refused(
        tmp_path / "model.zip",
        "{path} cannot be read as a zip file (File is not a zip file): ask for another copy.",
    )


# the expected place


def test_a_run_means_its_bundle(finished, path):
    assert read_bundle(finished[0].folder).sha256 == file_hash(path)
    assert read_bundle(str(path)).sha256 == file_hash(path)


def test_a_run_that_was_not_bundled(tmp_path):
    refused(
        tmp_path,
        "{path} contains no model.zip: run `snakemake bundle --cores 1` in the project of that run, or give the path "
        "of "
        "a bundle.",
    )


def test_no_file(tmp_path):
    refused(
        tmp_path / "model.zip",
        "The model bundle {path} does not exist: correct its path, or write it with `snakemake bundle --cores 1` in "
        "the project of a finished run.",
    )


def test_reading_writes_nothing(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(path.parent.rglob("*"))
    read_bundle(path)
    assert not list(tmp_path.iterdir())
    assert sorted(path.parent.rglob("*")) == before


# made to mislead: the checksum is right, the content is not


def test_a_newer_format(files, tmp_path):
    path = forge(tmp_path / "model.zip", files, format=2, software={"myelosketch": "9.1.0"})
    refused(
        path,
        "{path} was written by a newer myelosketch 9.1.0: it has the format 2, but this version "
        f"({VERSION}) reads format 1; update myelosketch.",
    )


@pytest.mark.parametrize("found", [0, "1", None, 1.0, True])
def test_a_format_that_is_none(files, tmp_path, found):
    path = forge(tmp_path / "model.zip", files, format=found)
    refused(
        path,
        f"{{path}} has the format {found!r}; this version ({VERSION}) reads format 1: ask for another copy.",
    )


def test_another_map_order(files, tmp_path):
    path = forge(tmp_path / "model.zip", files, input_maps=["FA", "MTR", "RD", "AD"])
    refused(
        path,
        "{path} has the input maps ['FA', 'MTR', 'RD', 'AD']; expected some or all of ['MTR', 'FA', 'RD', 'AD'], in "
        "this order.",
    )


def test_other_units(files, tmp_path):
    units = {**json.loads(files["bundle.json"])["units"], "MTR": "1"}
    path = forge(tmp_path / "model.zip", files, units=units)
    right = {"MTR": "percent", "FA": "1", "RD": "1e-3 mm2/s", "AD": "1e-3 mm2/s", "DVR": "1"}
    refused(path, f"{{path}} has the units {units}; expected {right}.")


@pytest.mark.parametrize(
    ("key", "value", "said", "expected"),
    [
        ("method", "template", "'template'", "one of dnn2, unet, unetroi, sketcher, refiner, transfer"),
        ("models", "refiner", "'refiner'", "a list of methods"),
        ("folds", [2, 1], "[2, 1]", "a list of increasing whole numbers"),
        ("folds", [], "[]", "a list of increasing whole numbers"),
        ("folds", [1, "../2"], "[1, '../2']", "a list of increasing whole numbers"),
        ("voxel_mm", [2, 2], "[2, 2]", "three sizes in mm"),
        ("voxel_mm", [2, 2, 0], "[2, 2, 0]", "three sizes in mm"),
        ("pet_fwhm_mm", None, "None", "a width in mm"),
        ("simulated", 1, "1", "true or false"),
        ("n_patients", -1, "-1", "a number of participants"),
        ("n_controls", 0, "0", "a number of participants, at least 1"),
        ("healthy", {"sd": 0}, "{'sd': 0}", "mean, sd, n_voxels and n_controls of healthy white matter"),
        ("settings", {"k": 1}, "{'k': 1}", "k, min_lesion_mm3, lesion_sizes_mm3, flips and regions"),
        ("training_range", [], "[]", "a description of the maps of the training scans"),
        ("purpose", None, "None", "a sentence"),
        ("files", {"a": {"bytes": 1}}, "{'a': {'bytes': 1}}", "sha256 and bytes of each file"),
    ],
)  # fmt: skip
def test_entries_of_the_manifest(files, tmp_path, key, value, said, expected):
    path = forge(tmp_path / "model.zip", files, **{key: value})
    refused(path, f"{{path}} has {key} {said} in bundle.json; expected {expected}: ask for another copy.")


def test_models_that_the_method_does_not_need(files, tmp_path):
    path = forge(tmp_path / "model.zip", files, models=["refiner"])
    refused(
        path,
        "{path} has the models ['refiner']; the method refiner needs ['sketcher', 'refiner']: ask for another copy.",
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"[]", "a bundle.json that is not a JSON object"),
        (b"{", "bundle.json, which is not JSON (Expecting property name"),
        (b'{"format": NaN}', "bundle.json, which is not JSON (NaN is not JSON)"),
        (b"\xff", "bundle.json, which is not JSON ('utf-8' codec"),
        (b"[" * 100_000, "bundle.json, which is not JSON (maximum recursion depth exceeded"),
    ],
)
def test_a_manifest_that_is_none(files, tmp_path, text, why):
    (tmp_path / "model.zip").write_bytes(pack(files | {"bundle.json": text}))
    with pytest.raises(InputError, match=re.escape(why)):
        read_bundle(tmp_path / "model.zip")


def test_no_manifest(files, tmp_path):
    del files["bundle.json"]
    (tmp_path / "model.zip").write_bytes(pack(files))
    refused(
        tmp_path / "model.zip", "{path} lacks bundle.json, so it is not a model bundle: give another file."
    )


def test_an_unknown_file(files, tmp_path):
    path = forge(tmp_path / "model.zip", files | {"fold-1/refiner/model.pkl": b"x"})
    refused(
        path,
        "{path} contains 'fold-1/refiner/model.pkl' in the zip, which is not part of a bundle: ask for another copy.",
    )
    listed = json.loads(files["bundle.json"])["files"] | {"a.txt": {"bytes": 1, "sha256": "0" * 64}}
    path = forge(tmp_path / "model.zip", files | {"a.txt": b"x"}, files=listed)
    refused(
        path, "{path} contains 'a.txt' in bundle.json, which is not part of a bundle: ask for another copy."
    )


def test_a_missing_file(files, tmp_path):
    short = {name: content for name, content in files.items() if name != "errors.tsv"}
    refused(forge(tmp_path / "model.zip", short), "{path} lacks errors.tsv in the zip: ask for another copy.")
    listed = {name: file for name, file in json.loads(files["bundle.json"])["files"].items() if name in short}
    path = forge(tmp_path / "model.zip", files, files=listed)
    refused(path, "{path} lacks errors.tsv in bundle.json: ask for another copy.")


@pytest.mark.parametrize(
    "name", ["../evil.txt", "fold-1/../../evil", "/etc/passwd", "a\\..\\evil", "C:/evil.txt"]
)
def test_a_name_that_leads_out(files, tmp_path, name):
    path = forge(tmp_path / "model.zip", files | {name: b"x"})
    refused(path, f"{{path}} has an entry {name!r}, which points outside the bundle: do not use this file.")


def test_larger_than_stated(files, tmp_path, monkeypatch):
    """A bomb of 50 MB in 50 kB: refused before any file of the bundle is decompressed."""
    stated = json.loads(files["bundle.json"])["files"]["errors.tsv"]["bytes"]
    path = forge(tmp_path / "model.zip", files | {"errors.tsv": bytes(50_000_000)})
    assert path.stat().st_size < 200_000
    opened = []
    original = zipfile.ZipFile.open
    monkeypatch.setattr(
        zipfile.ZipFile, "open", lambda self, name, *a: opened.append(name) or original(self, name, *a)
    )
    refused(
        path,
        f"{{path}} contains errors.tsv with 50000000 bytes; bundle.json states {stated}: ask for another copy.",
    )
    assert opened == ["bundle.json"]


def test_a_zip_that_lies_about_its_sizes(files, tmp_path):
    """Manifest and zip directory state 5 bytes for a file of 50 MB: no more than the stated size is read."""
    manifest = json.loads(files["bundle.json"])
    manifest["files"]["errors.tsv"]["bytes"] = 5
    bomb = {"errors.tsv": bytes(50_000_000), "bundle.json": json.dumps(manifest).encode()}
    content = bytearray(pack(files | bomb)[:-71])
    place = content.rindex(b"errors.tsv")  # in the directory; its size is before the name
    content[place - 22 : place - 18] = (5).to_bytes(4, "little")
    (tmp_path / "model.zip").write_bytes(signed(content))
    refused(
        tmp_path / "model.zip",
        "{path} contains errors.tsv, which cannot be read (Bad CRC-32 for file 'errors.tsv'): ask for another copy.",
    )


def test_more_than_the_largest_bundle(path, tmp_path, monkeypatch):
    total = sum(map(len, unpacked(path).values())) - len(unpacked(path)["bundle.json"])
    monkeypatch.setattr(reading, "LARGEST_BYTES", total - 1)
    refused(path, f"{{path}} would unpack to more than {(total - 1) / 1e9:g} GB: ask for another copy.")
    monkeypatch.setattr(reading, "LARGEST_BYTES", 1000)
    refused(path, "{path} is larger than 1e-06 GB, so it is not a model bundle.")
    assert total < 2e9


def test_a_huge_manifest(files, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_MANIFEST", 100)
    refused(
        forge(tmp_path / "model.zip", files),
        "{path} contains bundle.json with more than 100 bytes: ask for another copy.",
    )


def test_another_content_of_the_stated_size(files, tmp_path):
    altered = files["errors.tsv"][:-1] + b"\t"
    stated = hashlib.sha256(files["errors.tsv"]).hexdigest()[:12]
    refused(
        forge(tmp_path / "model.zip", files | {"errors.tsv": altered}),
        f"{{path}} contains errors.tsv with SHA-256 {hashlib.sha256(altered).hexdigest()[:12]}; bundle.json states "
        f"{stated}: ask for another copy.",
    )


def rezip(files, change):
    """Bundle whose zip is written by ``change(archive, name, content)``, with a right checksum."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            change(archive, name, content)
        archive.comment = bytes(71)
    return signed(stream.getvalue()[:-71])


def test_a_compression_that_is_not_ours(files, tmp_path):
    content = rezip(
        files, lambda archive, name, data: archive.writestr(name, data, compress_type=zipfile.ZIP_LZMA)
    )
    (tmp_path / "model.zip").write_bytes(content)
    refused(
        tmp_path / "model.zip",
        "{path} contains README.md, which is neither stored nor deflated: ask for another copy.",
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(files, tmp_path):
    def twice(archive, name, data):
        archive.writestr(name, data)
        if name == "scores.tsv":
            archive.writestr(name, data)

    (tmp_path / "model.zip").write_bytes(rezip(files, twice))
    refused(tmp_path / "model.zip", "{path} contains scores.tsv twice: ask for another copy.")


def test_an_encrypted_entry(files, tmp_path):
    content = bytearray(pack(files)[:-71])
    place = content.rindex(b"bundle.json")
    content[place - 38] |= 1  # the flag in the directory
    place = content.index(b"bundle.json")
    content[place - 24] |= 1  # and in front of the entry
    path = tmp_path / "model.zip"
    path.write_bytes(signed(content))
    with pytest.raises(
        InputError, match=r"contains bundle\.json, which cannot be read \(File .* is encrypted"
    ):
        read_bundle(path)


def with_file(files, name, content):
    """Files and manifest in which one file is another, with its own size and checksum."""
    manifest = json.loads(files["bundle.json"])
    manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    return files | {name: content, "bundle.json": json.dumps(manifest).encode()}


def with_card(files, name, **entries):
    card = json.loads(files[name]) | entries
    return with_file(files, name, json.dumps(card).encode())


CARD = "fold-2/refiner/model.json"


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"fold": 1}, "{card} belongs to fold 1; expected fold 2: train again."),
        ({"method": "unet"}, "{card} belongs to the method unet; expected refiner."),
        (
            {"input_maps": ["MTR"]},
            "{card} has the input maps ['MTR']; expected those of the bundle, ['MTR', 'FA', 'RD', 'AD']: train "
            "again.",
        ),
        (
            {"sketcher_sha256": "0" * 64},
            "{card} was not trained on the maps of the sketcher of fold 2: train again.",
        ),
        (
            {"normalisation": None},
            "{card} has no normalisation, which a prediction needs: train again.",
        ),
        (
            {"value_ranges": {"MTR": 3}},
            "{path}/fold-2/refiner/model.json has value_ranges that are not the smallest and largest value of each "
            "map: train again.",
        ),
    ],
)
def test_cards_that_do_not_belong_together(files, tmp_path, entries, sentence):
    path = forge(tmp_path / "model.zip", with_card(files, CARD, **entries))
    refused(path, sentence.replace("{card}", f"{path}/{CARD}"))


def test_a_card_that_is_none(files, tmp_path):
    path = forge(tmp_path / "model.zip", with_file(files, CARD, b"[1]"))
    refused(
        path,
        f"{{path}}/{CARD} is not a model card (not a JSON object): copy the model again, or train again.",
    )


def test_nothing_is_unpickled(files, tmp_path):
    """Even where card and manifest state its checksum, a pickle is not opened, because it would run its content."""

    class Trap:
        def __reduce__(self):
            return pytest.fail, ("a pickle was opened",)

    content = pickle.dumps(Trap())
    altered = with_file(files, "fold-2/refiner/model.safetensors", content)
    altered = with_card(altered, CARD, weights_sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(
        InputError,
        match=r"fold-2/refiner/model.safetensors is not a safetensors file \(.*\), the only format accepted",
    ):
        read_bundle(forge(tmp_path / "model.zip", altered))


@pytest.mark.parametrize(
    "text", ["", "region\tdvr_pred\tmean_abs_error\tn_participants\nlesion\tmany\t1\t2\n", "\xff"]
)
def test_a_table_without_numbers(files, tmp_path, text):
    path = forge(tmp_path / "model.zip", with_file(files, "errors.tsv", text.encode("latin-1")))
    refused(path, "{path} contains errors.tsv, which is not a table of numbers: ask for another copy.")


def test_a_table_with_other_columns(files, tmp_path):
    path = forge(tmp_path / "model.zip", with_file(files, "errors.tsv", b"region\tdvr_pred\nlesion\t1.1\n"))
    refused(
        path,
        "{path} contains errors.tsv with the columns region, dvr_pred; expected region, dvr_pred, mean_abs_error, "
        "n_participants: ask for another copy.",
    )
