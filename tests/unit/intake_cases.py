"""Ways to spoil a file of a good scan, each with the check that finds it and the decisive part of its sentence."""
# ruff: noqa: E501 - sentences are not split

import gzip
import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
from intake_scans import SHAPE, affine, head, part_of_head, rewrite, write_json


def data(change):
    return lambda path, files: rewrite(path, change)


def header(change):
    return lambda path, files: rewrite(path, header=change)


def cut(path, files):
    Path(path).write_bytes(Path(path).read_bytes()[:2000])


def cut_plain(path, files):
    """An uncompressed file that ends within its voxels."""
    new = path.removesuffix(".gz")
    Path(new).write_bytes(gzip.decompress(Path(path).read_bytes())[:9000])
    files[Path(new).name.split(".")[0]] = new


def renamed(ending, content=None):
    def change(path, files):
        name = Path(path).name.split(".")[0]
        files[name] = str(Path(path).with_name(f"{name}{ending}"))
        shutil.move(path, files[name])

    return change


def text(words):
    return lambda path, files: Path(path).write_bytes(words)


def spot(value):
    def change(voxels):
        voxels[10, 10, 10:13] = value
        return voxels

    return data(change)


def sform(matrix):
    def change(image):
        image.set_sform(matrix, code=1)
        image.set_qform(affine(), code=1)

    return header(change)


def raw_header(**fields):
    """Header fields set directly in the bytes of the file, to values that no library would write."""
    offsets = {"pixdim1": (80, "f4"), "srow_x": (280, "4f4"), "dim1": (42, "i2"), "sform_code": (254, "i2")}

    def change(path, files):
        content = bytearray(gzip.decompress(Path(path).read_bytes()))
        for name, value in fields.items():
            offset, kind = offsets[name]
            packed = np.array(value, kind[-2:]).tobytes()
            content[offset : offset + len(packed)] = packed
        Path(path).write_bytes(gzip.compress(bytes(content), mtime=0))

    return change


def placed(matrix):
    return lambda path, files: rewrite(path, matrix=matrix)


def moved(x):
    matrix = affine()
    matrix[0, 3] += x
    return placed(matrix)


def all_moved(path, files):
    for name in ("pet", "reference_mask"):
        moved(400)(files[name], files)


def thin_slices(path, files):
    rewrite(path, lambda voxels: np.repeat(voxels, 8, axis=2), matrix=affine() @ np.diag([1, 1, 1 / 8, 1]))


def swap(first, second):
    def change(path, files):
        files[first], files[second] = files[second], files[first]

    return change


def given_as(source, name):
    """Use the file of one column in another column too."""

    def change(path, files):
        files[name] = files[source]

    return change


def data_of(source, name, change, *more):
    """Make the file of one column from the voxels of one or more others."""

    def edit(path, files):
        voxels = [nib.load(files[key]).get_fdata(dtype=np.float32) for key in (source, *more)]
        rewrite(files[name], lambda _: change(*voxels))

    return edit


def spot_as_float(value):
    def change(voxels):
        voxels = voxels.astype(np.float32)
        voxels[10, 10, 10:13] = value
        return voxels

    return data(change)


def sidecar(unit):
    return lambda path, files: write_json(
        Path(path).parent, Path(path).name.replace("nii.gz", "json"), {"Units": unit}
    )


def beside(name, content):
    return lambda path, files: (Path(path).parent / name).write_text(content)


def lines(name, change):
    def edit(path, files):
        file = Path(path).parent / name
        np.savetxt(file, change(np.loadtxt(file, ndmin=2)), fmt="%.6f")

    return edit


def removed(name):
    return lambda path, files: (Path(path).parent / name).unlink()


def frames(**changes):
    def edit(path, files):
        file = Path(path).parent / "pet.json"
        content = {**json.loads(file.read_text()), **changes}
        file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))

    return edit


FLIPPED = np.diag([-1, 1, 1, 1.0]) @ affine()
NOT_SQUARE = affine() + np.array([[0, 2.0, 0, 0], *[[0] * 4] * 3])
N = 9  # volumes of the diffusion series

# name of the case: (input, what is done to it, check, decisive part of the sentence)
MAPS_CASES = {
    "missing": (
        "FA",
        lambda path, files: Path(path).unlink(),
        "missing_file",
        "does not exist: correct the path, or give the file.",
    ),
    "mgh": ("T1w", renamed(".mgz"), "extension", "is not named .nii or .nii.gz: convert it to NIfTI."),
    "analyze": ("MTR", renamed(".img"), "extension", "is not named .nii or .nii.gz: convert it to NIfTI."),
    "gz-is-plain": (
        "RD",
        lambda path, files: Path(path).write_bytes(gzip.decompress(Path(path).read_bytes())),
        "not_gzip",
        "is not compressed, which contradicts its name: name it .nii.gz if compressed, .nii if not.",
    ),
    "plain-is-gz": (
        "RD",
        renamed(".nii"),
        "not_gzip",
        "is compressed, which contradicts its name: name it .nii.gz if compressed, .nii if not.",
    ),
    "text": ("DVR", text(b"hello"), "not_gzip", "is not compressed, which contradicts its name"),
    "gzip-of-text": (
        "DVR",
        text(gzip.compress(b"hello")),
        "unreadable",
        "has no header that reads as NIfTI: copy or export it again.",
    ),
    "no-bytes": ("AD", text(b""), "not_gzip", "is not compressed, which contradicts its name"),
    "truncated": (
        "FA",
        cut,
        "truncated",
        "is truncated or damaged: its voxels cannot all be read: copy or export it again.",
    ),
    "truncated-plain": (
        "FA",
        cut_plain,
        "truncated",
        "is truncated or damaged: its header states 28 x 32 x 28 voxels, more than the file can contain",
    ),
    "cut-in-header": (
        "T1w",
        lambda path, files: Path(path).write_bytes(Path(path).read_bytes()[:60]),
        "unreadable",
        "has no header that reads as NIfTI",
    ),
    "four-dimensions": (
        "MTR",
        data(lambda voxels: np.stack([voxels, voxels], axis=3)),
        "dimensions",
        "has the shape 28 x 32 x 28 x 2, expected a 3D image: give one volume, or their mean.",
    ),
    "two-dimensions": (
        "MTR",
        data(lambda voxels: voxels[..., 14]),
        "dimensions",
        "has the shape 28 x 32: give a three-dimensional image.",
    ),
    "complex": (
        "T1w",
        data(lambda voxels: voxels.astype(np.complex64)),
        "voxel_type",
        "has complex voxels, expected real numbers: export the magnitude.",
    ),
    "colour": (
        "FA",
        data(lambda voxels: np.zeros(voxels.shape, [(key, "u1") for key in "RGB"])),
        "voxel_type",
        "has colour voxels, expected real numbers: export the magnitude.",
    ),
    "empty": (
        "DVR",
        data(np.zeros_like),
        "empty",
        "contains only 0: is this the right file? Export it again.",
    ),
    "constant": (
        "T1w",
        data(lambda voxels: np.full_like(voxels, 7)),
        "constant",
        "is 7 everywhere: is this the right file? Export it again.",
    ),
    "mask-as-map": (
        "FA",
        data(lambda voxels: 0.5 * (voxels > 0)),
        "constant",
        "is 0.5 wherever it is not 0: is this the right file? Export it again.",
    ),
    "nan": (
        "FA",
        spot(np.nan),
        "not_finite",
        "has 3 voxels that are NaN or infinite: set the background to 0 and repair the rest.",
    ),
    "infinite": ("MTR", spot(np.inf), "not_finite", "has 3 voxels that are NaN or infinite"),
    "infinite-dvr": ("DVR", spot(np.inf), "not_finite", "has 3 voxels that are infinite"),
    "dvr-of-nan": (
        "DVR",
        data(lambda voxels: np.where(voxels > 0, np.nan, 0.0)),
        "empty",
        "contains only 0 and NaN",
    ),
    "nan-in-mask": (
        "lesion_mask",
        data(lambda voxels: np.where(voxels > 0, np.nan, 0.0)),
        "not_finite",
        "voxels that are NaN or infinite",
    ),
    "fa-times-3": (
        "FA",
        data(lambda voxels: 3 * voxels),
        "value_range",
        "in the declared unit '1', expected 0.2 to 1: the values fit no unit of FA; is this the right file?",
    ),
    "fa-in-thousandths": (
        "FA",
        data(lambda voxels: 1000 * voxels),
        "value_range",
        "the values fit units.FA: '1e-3'; if this is true for all scans, declare it, otherwise convert the file.",
    ),
    "fa-negative": (
        "FA",
        data(lambda voxels: np.where(voxels > 0.4, -voxels, voxels)),
        "negative",
        "is negative in 27% of the voxels that are not 0: export it without an offset, or clip it at 0.",
    ),
    "mtr-fraction": (
        "MTR",
        data(lambda voxels: voxels / 100),
        "value_range",
        "has a 99th percentile of 0.448 (from 0.25 to 0.45) in the declared unit 'percent', expected 5 to 100: the values fit units.MTR: '1'",
    ),
    "rd-mm2": (
        "RD",
        data(lambda voxels: voxels / 1e3),
        "value_range",
        "in the declared unit '1e-3 mm2/s', expected 0.2 to 6: the values fit units.RD: 'mm2/s'",
    ),
    "ad-m2": ("AD", data(lambda voxels: voxels / 1e9), "value_range", "the values fit units.AD: 'm2/s'"),
    "ad-1e-6": (
        "AD",
        data(lambda voxels: voxels * 1e3),
        "value_range",
        "the values fit units.AD: '1e-6 mm2/s'",
    ),
    "dvr-times-20": (
        "DVR",
        data(lambda voxels: 20 * voxels),
        "value_range",
        "expected 0.5 to 6: the values fit no unit of DVR; is this the right file?",
    ),
    "dvr-like-suv": (
        "DVR",
        data(lambda voxels: 2.2 * voxels),
        "dvr_level",
        "has a median of 2.52, expected 0.6 to 1.8: DVR is about 1 in grey matter; is this an SUV or SUVR image, or another reference region?",
    ),
    "sidecar-other-unit": (
        "RD",
        sidecar("mm^2/s"),
        "unit_stated",
        "has a JSON beside it with Units 'mm2/s', but units.RD is '1e-3 mm2/s': correct units.RD or the JSON, whichever is wrong.",
    ),
    "sidecar-strange-unit": (
        "MTR",
        sidecar("arbitrary"),
        "unit_stated",
        "with Units an unknown unit, but units.MTR is 'percent'",
    ),
    "ad-below-rd": (
        "AD",
        data(lambda voxels: np.where(voxels < 1.1, 0.4 * voxels, voxels)),
        "ad_below_rd",
        "expected at most 5%: AD is the largest eigenvalue, RD the mean of the others; compute both from one fit.",
    ),
    "swapped": (
        "AD",
        swap("AD", "RD"),
        "swapped",
        "lies below RD in 100% of the brain: AD and RD are swapped: correct the table.",
    ),
    "mask-not-binary": (
        "lesion_mask",
        data(lambda voxels: 2.5 * voxels),
        "not_binary",
        "has values from 2.5 to 2.5, neither probabilities (0 to 1) nor whole numbers: divide a probability map by its highest possible value, or resample labels by nearest neighbour.",
    ),
    "mask-in-percent": (
        "lesion_mask",
        data(
            lambda voxels: (part_of_head(0.1) * (1 + np.arange(voxels.size) % 97).reshape(SHAPE)).astype(
                np.uint8
            )
        ),
        "not_binary",
        "has whole numbers up to 97 that differ from voxel to voxel, unlike labels: if it is a probability, divide it by its highest possible value (100 or 255).",
    ),
    "mask-below-0": (
        "lesion_mask",
        data(lambda voxels: voxels.astype(np.int16) - 1),
        "not_binary",
        "has values below 0 (from -1 to -1): write 0 outside the mask.",
    ),
    "mask-nan": (
        "lesion_mask",
        spot_as_float(np.nan),
        "not_finite",
        "has 3 voxels that are NaN or infinite",
    ),
    "ad-for-rd": (
        "AD",
        given_as("AD", "RD"),
        "repeated",
        "has the same voxels as RD (AD.nii.gz): name the right file in one of the two columns, RD or AD.",
    ),
    "rd-for-fa": (
        "RD",
        data_of("FA", "RD", lambda fa: fa),
        "repeated",
        "has the same voxels as FA (FA.nii.gz)",
    ),
    "t1w-for-flair": (
        "FLAIR",
        data_of("T1w", "FLAIR", lambda t1w: t1w),
        "repeated",
        "has the same voxels as T1w (T1w.nii.gz): name the right file in one of the two columns, T1w or FLAIR.",
    ),
    "t1w-for-flair-rescaled": (
        "FLAIR",
        data_of("T1w", "FLAIR", lambda t1w: np.round(t1w / 900 * 255).astype(np.uint8)),
        "repeated",
        "is, apart from scale or rounding, the same image as T1w (T1w.nii.gz): name the right file",
    ),
    "md-for-ad": (
        "FA",
        data_of("AD", "AD", lambda ad, rd: (ad + 2 * rd) / 3, "RD"),
        "inconsistent",
        "of the brain, expected at most 20%: AD looks like MD, the mean of all three: AD is the largest eigenvalue and RD the mean of the other two; give all three of one fit, and look at units.",
    ),
    "md-for-rd": (
        "FA",
        data_of("RD", "RD", lambda rd, ad: (ad + 2 * rd) / 3, "AD"),
        "inconsistent",
        "does not follow from AD and RD: it needs two smaller eigenvalues that differ from RD by 0.80 of AD - RD at the median, expected at most 0.55: RD looks like MD, the mean of all three: AD is the largest",
    ),
    "fa-of-another-fit": (
        "FA",
        data(lambda voxels: np.where(voxels > 0, voxels[::-1, ::-1], 0)),
        "inconsistent",
        "does not follow from AD and RD: it lies outside what AD and RD allow in ",
    ),
    "ad-in-another-unit": (
        "FA",
        data_of("AD", "AD", lambda ad: 1.5 * ad),
        "inconsistent",
        "expected at most 20%: AD is the largest eigenvalue",
    ),
    "mask-on-another-grid": (
        "lesion_mask",
        moved(6),
        "grids",
        "does not share the grid of T1w (T1w.nii.gz; T1w and lesion_mask have affines that differ by 6 mm): resample one onto the other, or name the image it was drawn on in lesion_space.",
    ),
    "mask-of-another-shape": (
        "lesion_mask",
        data(lambda voxels: voxels[:-1]),
        "grids",
        "does not share the grid of T1w (T1w.nii.gz; T1w has shape (28, 32, 28) but lesion_mask has (27, 32, 28)): resample one onto the other, or name the image it was drawn on in lesion_space.",
    ),
    "mask-of-half-the-white-matter": (
        "lesion_mask",
        data(lambda voxels: part_of_head(0.3)),
        "lesion_volume",
        "% of the brain (expected at most 20%): is it a mask of lesions, and not of a tissue?",
    ),
    "mask-of-the-brain": (
        "lesion_mask",
        data(lambda voxels: head().astype(np.uint8)),
        "not_lesions",
        "has 1424 mL, 102% of the brain: more than its white matter: give a mask of lesions, not of a "
        "tissue or of the brain; if it is a segmentation, set lesions.label to the number of lesions in "
        "it (99 for SAMSEG).",
    ),
    "flair-elsewhere": (
        "FLAIR",
        moved(400),
        "apart",
        "is 400 mm away from the T1w in space (the boxes of the content overlap by 0%)",
    ),
    "maps-on-two-grids": (
        "AD",
        moved(1),
        "grids",
        "does not share the grid of FA (FA.nii.gz; FA and AD have affines that differ by 1 mm): resample one onto the other.",
    ),
    "determinant-0": (
        "T1w",
        raw_header(srow_x=[0, 0, 0, 0]),
        "affine",
        "has an affine that is of determinant 0, so its position in space is unknown: export it again.",
    ),
    "affine-nan": (
        "DVR",
        raw_header(srow_x=[np.nan, 0, 0, 0]),
        "affine",
        "has an affine that is not finite, so its position in space is unknown: export it again.",
    ),
    "sheared": (
        "MTR",
        placed(NOT_SQUARE),
        "sheared",
        "has axes that are not at right angles: resample it to a grid with right angles.",
    ),
    "forms-apart": (
        "DVR",
        sform(affine() + np.array([[0, 0, 0, 5.0], *[[0] * 4] * 3])),
        "header_forms",
        "is placed up to 5 mm apart by its sform and its qform (the sform is used): set the qform to the sform, if that is right.",
    ),
    "forms-mirrored": (
        "MTR",
        sform(FLIPPED),
        "handedness",
        "has an sform and a qform that disagree about left and right: find out which is right, and set both to it.",
    ),
    "no-forms": (
        "MTR",
        header(lambda image: (image.set_sform(None), image.set_qform(None))),
        "no_orientation",
        "has neither sform nor qform, so left and right are unknown: convert it again from DICOM, with "
        "its orientation.",
    ),
    "voxels-of-12-mm": (
        "MTR",
        placed(affine() * np.array([2, 2, 2, 1.0])[:, None]),
        "voxel_size",
        "has voxels of 12 x 12 x 12 mm, expected sides from 0.2 to 10 mm and at most 6 times each other: is the header right? If it is, accept it.",
    ),
    "flat-voxels": ("MTR", thin_slices, "voxel_size", "has voxels of 6 x 6 x 0.75 mm, expected sides"),
    "metres": (
        "MTR",
        header(lambda image: image.header.set_xyzt_units("meter")),
        "length_unit",
        "gives lengths in meter, expected mm: set xyzt_units to mm, and the affine with it.",
    ),
    "a-small-thing": (
        "MTR",
        placed(affine() @ np.diag([0.25, 0.25, 0.25, 1.0])),
        "head_size",
        "has content of 33 x 39 x 33 mm, expected a head (60 to 400 mm): is the whole head in the image, and are the voxel sizes right?",
    ),
    "pet-elsewhere": (
        "DVR",
        moved(400),
        "apart",
        "is 400 mm away from the T1w in space (the boxes of the content overlap by 0%): was its position in "
        "space lost in a conversion? Export it again.",
    ),
}
RAW_CASES = {
    "dwi-3d": (
        "dwi",
        data(lambda voxels: voxels[..., 0]),
        "dimensions",
        "has the shape 28 x 32 x 28, expected a series of volumes (4D): give the whole series, not one volume.",
    ),
    "dwi-truncated": ("dwi", cut, "truncated", "is truncated or damaged: its voxels cannot all be read"),
    "dwi-nan": ("dwi", spot(np.nan), "not_finite", f"has {3 * N} voxels that are NaN or infinite"),
    "dwi-empty-volume": (
        "dwi",
        data(lambda voxels: voxels * (np.arange(N) != 4)),
        "constant",
        "has a constant volume (number 4, counted from 0)",
    ),
    "no-bval": (
        "dwi",
        removed("dwi.bval"),
        "missing_file",
        "has no dwi.bval beside it: put the files there, with the name of the series.",
    ),
    "bval-is-text": (
        "dwi",
        beside("dwi.bval", "zero thousand"),
        "gradients",
        "has a file beside it, dwi.bval, that cannot be read as lines of numbers: write it as FSL does.",
    ),
    "bval-too-short": (
        "dwi",
        lines("dwi.bval", lambda table: table[:, 1:]),
        "gradients",
        "has 9 volumes, but 8 in its .bval file: there must be one for each volume.",
    ),
    "bvec-too-short": (
        "dwi",
        lines("dwi.bvec", lambda table: table[:, 1:]),
        "gradients",
        "has 9 volumes, but 8 in its .bvec file: there must be one for each volume.",
    ),
    "bvec-of-two-lines": (
        "dwi",
        lines("dwi.bvec", lambda table: table[:2]),
        "gradients",
        "has a file beside it, dwi.bvec, that contains 2 x 9 numbers; expected 3 lines (x, y, z)",
    ),
    "bvec-norm": (
        "dwi",
        lines("dwi.bvec", lambda table: 0.5 * table),
        "gradients",
        "has 8 gradient directions whose length is not 1",
    ),
    "no-b0": (
        "dwi",
        lines("dwi.bval", lambda table: table + 1000 * (table == 0)),
        "gradients",
        "has no unweighted volume (lowest b = 1000 s/mm², expected at most 50)",
    ),
    "few-directions": (
        "dwi",
        lines("dwi.bvec", lambda table: np.where(np.arange(N) > 4, table[:, [4]], table)),
        "gradients",
        "has 4 different directions with b from 50 to 1500 s/mm²; expected at least 6",
    ),
    "negative-b": (
        "dwi",
        lines("dwi.bval", lambda table: -table),
        "gradients",
        "has b-values that are negative or not numbers",
    ),
    "mt-swapped": (
        "mt_on",
        swap("mt_on", "mt_off"),
        "swapped",
        "is brighter than mt_off in most of the head: swap them",
    ),
    "mt-off-for-on": (
        "mt_off",
        given_as("mt_off", "mt_on"),
        "repeated",
        "has the same voxels as mt_on (mt_off.nii.gz): name the right file in one of the two columns, mt_on or mt_off.",
    ),
    "reference-of-several-labels": (
        "reference_mask",
        data(lambda voxels: np.where(np.arange(voxels.shape[0])[:, None, None] < 16, voxels, 2 * voxels)),
        "not_binary",
        "has more than one number above 0: give the mask of one region.",
    ),
    "mt-grid": ("mt_on", moved(2), "grids", "does not share the grid of mt_off"),
    "no-frame-times": (
        "pet",
        frames(FrameTimesStart=None),
        "frames",
        "has no FrameTimesStart in its JSON: give the start and duration of each frame, s.",
    ),
    "frames-of-another-series": (
        "pet",
        frames(FrameTimesStart=[0, 600], FrameDuration=[600, 600]),
        "frames",
        "has 6 frames, but 2 entries in FrameTimesStart of its .json file: give one for each frame.",
    ),
    "minutes-for-seconds": (
        "pet",
        frames(FrameTimesStart=[0, 10, 20, 40, 50, 60], FrameDuration=[10, 10, 20, 10, 10, 10]),
        "frames",
        "ends 70 s after the injection; expected 1200 to 21600: FrameTimesStart and FrameDuration are in seconds.",
    ),
    "pet-json-says-nothing-of-time-and-decay": (
        "pet",
        frames(InjectionStart=None, ImageDecayCorrected=None),
        "pet_unstated",
        'has a JSON without InjectionStart and ImageDecayCorrected: if this is correct, add "InjectionStart": 0, "ImageDecayCorrected": true to the JSON or accept it; otherwise write the correct values. To accept: cohort: {accept: {sub-01: [pet_unstated]}}',
    ),
    "pet-falls-as-decay": (
        "pet",
        data(lambda voxels: voxels * 0.5 ** (np.array([0, 600, 1200, 2400, 3000, 3600]) / 1221.8)),
        "pet_decay",
        "times the rate of carbon-11's decay: is it corrected for decay? If not, write ImageDecayCorrected: false into its JSON. To accept:",
    ),
    "pet-rises-once-corrected": (
        "pet",
        frames(ImageDecayCorrected=False, TracerRadionuclide="C11"),
        "pet_decay",
        "times the rate of carbon-11's decay, once it is corrected as its JSON asks: is it corrected already? If so, write ImageDecayCorrected: true",
    ),
    "pet-json-of-text-for-false": (
        "pet",
        frames(ImageDecayCorrected="false"),
        "frames",
        "has ImageDecayCorrected: 'false' in its JSON, expected true or false: write it without quotation marks.",
    ),
    "pet-json-is-text": (
        "pet",
        beside("pet.json", "{"),
        "sidecar",
        "pet.json is not JSON: Expecting property name enclosed in double quotes in line 1, column 2): correct it there.",
    ),
    "no-pet-json": ("pet", removed("pet.json"), "missing_file", "has no pet.json beside it"),
    "pet-elsewhere": ("pet", all_moved, "apart", "is 400 mm away from the T1w in space"),
    "reference-mask-empty": (
        "reference_mask",
        data(np.zeros_like),
        "empty",
        "is empty: draw the reference region, or set maps.reference: grey_matter.",
    ),
}
