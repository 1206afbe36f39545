"""Linear transforms of other tools: known answers for every format, and refused files."""

import ants
import numpy as np
import pytest

from myelosketch.imaging.registration.transforms import save_matrix
from myelosketch.io.matrices import FLIP
from myelosketch.io.transform_files import TransformFileError, read_linear

# parameters, fixed parameters
ITK = {
    "AffineTransform_double_3_3": ("1.01 .02 .03 -.02 .99 .1 -.03 -.1 .98 4 5 6", "10 20 30"),
    "AffineTransform_float_3_3": ("1.01 .02 .03 -.02 .99 .1 -.03 -.1 .98 4 5 6", "0 0 0"),
    "MatrixOffsetTransformBase_double_3_3": ("1 .02 .03 -.02 1 .1 -.03 -.1 1 4 5 6", "10 -20 3"),
    "Euler3DTransform_double_3_3": (".1 .2 .3 4 5 6", "10 20 30"),
    "Euler3DTransform_float_3_3": (".1 .2 .3 4 5 6", "10 20 30 1"),
    "VersorRigid3DTransform_double_3_3": (".1 .2 .3 4 5 6", "10 20 30"),
    "Similarity3DTransform_double_3_3": (".1 .2 .3 4 5 6 1.05", "10 20 30"),
    "TranslationTransform_double_3_3": ("4 5 6", ""),
}
HEAD = "#Insight Transform File V1.0\n#Transform 0\n"


def itk_text(kind, parameters, fixed):
    return f"Transform: {kind}\nParameters: {parameters}\nFixedParameters: {fixed}\n"


@pytest.mark.parametrize("kind", ITK)
@pytest.mark.parametrize("suffix", [".txt", ".tfm", ".mat"])
def test_itk_s_kinds_move_points_as_ants_does(tmp_path, kind, suffix):
    text, path = tmp_path / "xfm.txt", tmp_path / f"xfm{suffix}"
    text.write_text(HEAD + itk_text(kind, *ITK[kind]))
    theirs = ants.read_transform(str(text), precision="double")
    if suffix == ".mat":
        ants.write_transform(theirs, str(path))
    else:
        path.write_bytes(text.read_bytes())
    matrix = FLIP @ read_linear(path) @ FLIP
    for point in np.eye(3) * 100:
        expected = theirs.apply_to_point(point.tolist())
        np.testing.assert_allclose(matrix[:3, :3] @ point + matrix[:3, 3], expected, atol=1e-4)


def test_a_text_that_is_called_mat_and_a_composite_of_one(tmp_path):
    kind = "AffineTransform_double_3_3"
    plain, composite = tmp_path / "xfm.mat", tmp_path / "xfm.txt"
    plain.write_text(HEAD + itk_text(kind, *ITK[kind]))
    composite.write_text(
        f"{HEAD}Transform: CompositeTransform_double_3_3\n#Transform 1\n{itk_text(kind, *ITK[kind])}"
    )
    np.testing.assert_array_equal(read_linear(plain), read_linear(composite))


def test_what_we_write_is_read_as_it_was(tmp_path):
    matrix = np.array([[1, 0, 0, 3.25], [0, 0.8, -0.6, -7], [0, 0.6, 0.8, 11], [0, 0, 0, 1]])
    for suffix in (".mat", ".txt"):
        save_matrix(tmp_path / f"xfm{suffix}", matrix)
        np.testing.assert_allclose(read_linear(tmp_path / f"xfm{suffix}"), matrix, atol=1e-12)


# one bbregister result in three forms, as FreeSurfer's lta_convert wrote them (test data of nipy/nitransforms)
TO_VOXELS = """\
-3.124080896377563e+00 2.981145866215229e-02 8.914728462696075e-02 1.741926879882812e+02
-1.405486371368170e-02 1.859627604484558e+00 -1.825850725173950e+00 5.312585067749023e+01
5.505303665995598e-02 1.426339745521545e+00 2.379452466964722e+00 1.154438781738281e+01
0.000000000000000e+00 0.000000000000000e+00 0.000000000000000e+00 9.999998807907104e-01"""
TO_WORLD = """\
9.997058510780334e-01 9.539666585624218e-03 2.228682115674019e-02 -4.884338378906250e+00
5.996740423142910e-03 7.934408783912659e-01 -6.086167693138123e-01 -6.589652252197266e+01
-2.348928898572922e-02 6.085714697837830e-01 7.931506037712097e-01 1.110400390625000e+01
0.000000000000000e+00 0.000000000000000e+00 0.000000000000000e+00 9.999998807907104e-01"""
AS_ITK = (
    "0.99970638751983643 0.0059967394918203354 0.023489311337471008 0.0095396693795919418 0.79344195127487183 "
    "-0.60857224464416504 -0.02228684164583683 0.60861742496490479 0.7931513786315918 -5.5388941764831543 "
    "-45.574077606201172 -48.804073333740234",
    "0 0 0",
)


def lta(matrix, kind, *, count=1, valid=1):
    return f"""\
# transform file of a test
# created by nobody

type      = {kind} # a comment
nxforms   = {count}
mean      = 0.0000 0.0000 0.0000
sigma     = 10000.0000
1 4 4
{matrix}
src volume info
valid = {valid}  # volume info valid
filename = /somewhere/mean = 3 #2.nii.gz
volume = 64 64 34
voxelsize = 3.125000000000000e+00 3.125000000000000e+00 4.000000000000000e+00
xras   = -1.000000000000000e+00 0.000000000000000e+00 0.000000000000000e+00
yras   = 0.000000000000000e+00 1.000000000000000e+00 0.000000000000000e+00
zras   = 0.000000000000000e+00 0.000000000000000e+00 1.000000000000000e+00
cras   = 1.000000000000000e+00 2.800000000000000e+01 -3.100000000000000e+01
dst volume info
valid = 1  # volume info valid
filename = /somewhere/T1w.nii.gz
volume = 160 192 192
voxelsize = 1.000000000000000e+00 1.333333015441895e+00 1.333333015441895e+00
xras   = 1.000000000000000e+00 0.000000000000000e+00 0.000000000000000e+00
yras   = 0.000000000000000e+00 1.000000000000000e+00 0.000000000000000e+00
zras   = 0.000000000000000e+00 0.000000000000000e+00 1.000000000000000e+00
cras   = -1.000000000000000e+00 -5.000030517578125e+00 -1.000030517578125e+00
subject sub-01
fscale 0.100000
"""


@pytest.mark.parametrize(("matrix", "kind"), [(TO_VOXELS, 0), (TO_WORLD, 1)])
def test_an_lta_is_the_itk_transform_that_freesurfer_converts_it_to(tmp_path, matrix, kind):
    (tmp_path / "xfm.lta").write_text(lta(matrix, kind))
    (tmp_path / "xfm.txt").write_text(HEAD + itk_text("AffineTransform_double_3_3", *AS_ITK))
    expected = read_linear(tmp_path / "xfm.txt")
    np.testing.assert_allclose(read_linear(tmp_path / "xfm.lta"), expected, atol=1e-4)


def affine(*rows):
    return HEAD + itk_text("AffineTransform_double_3_3", " ".join(rows), "0 0 0")


REFUSED = {
    "warp.nii.gz": ("", "is not a file of a linear transform (expected .mat, .txt, .tfm, .lta): warps are"),
    "fsl.mat": (
        "1 0 0 3 \n0 1 0 4 \n0 0 1 5 \n0 0 0 1 \n",
        "contains only a matrix of 4 x 4 numbers, as FSL writes it, which does not state its coordinate systems: "
        "convert it to ITK's format, for FSL by c3d_affine_tool",
    ),
    "words.mat": ("hello hello", "cannot be read as an ITK transform: write it with ANTs or ITK"),
    "empty.txt": ("", "cannot be read as an ITK transform"),
    "flat.txt": (
        HEAD + itk_text("AffineTransform_double_2_2", "1 0 0 1 2 3", "0 0"),
        "cannot be read as an ITK transform: write it with ANTs or ITK, as text or .mat, in three dimensions.",
    ),
    "bent.txt": (
        HEAD + itk_text("BSplineTransform_double_3_3", "1 2 3", "1 2 3"),
        "contains a BSplineTransform, which is not supported (expected one of AffineTransform, ",
    ),
    "two.txt": (
        affine("1 0 0 0 1 0 0 0 1 1 2 3") + itk_text("TranslationTransform_double_3_3", "1 2 3", ""),
        "contains 2 transforms; expected one: give only the one from the image to the T1w.",
    ),
    "short.txt": (affine("1 0 0 0 1 0"), "has 6 parameters (AffineTransform, expected 12): write it again."),
    "singular.txt": (affine("1 0 0 0 1 0 0 0 0 1 2 3"), "has no inverse (its matrix is singular or has "),
    "nan.txt": (affine("nan 0 0 0 1 0 0 0 1 1 2 3"), "has no inverse (its matrix is singular or has "
        "values that are not numbers)"),
    "mirror.txt": (affine("-1 0 0 0 1 0 0 0 1 1 2 3"), "mirrors the head: give the transform between"),
    "voxels.txt": (
        affine("2 0 0 0 2 0 0 0 2 1 2 3"),
        "changes the size of the head by a factor of 2.00 (expected 0.9 to 1.1): give the transform between two "
        "images of this scan in mm, not between voxels or to a template.",
    ),
    "words.lta": ("hello", "cannot be read as FreeSurfer's LTA: write it again with lta_convert."),
    "register.lta": (
        lta(TO_WORLD, 14), "contains 1 transforms of type 14; expected 1 of type 0 (voxels) or 1 (world)"
    ),
    "three.lta": (lta(TO_WORLD, 1, count=3), "contains 3 transforms of type 1; expected 1 of type"),
    "no_grid.lta": (
        lta(TO_VOXELS, 0, valid=0),
        "maps voxels to voxels, but lacks a valid volume info of its two images: write it with lta_convert",
    ),
    "singular.lta": (lta("1 0 0 0\n" * 3 + "0 0 0 1", 1), "has no inverse"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_motion_of_a_head_is_refused(tmp_path, name):
    content, said = REFUSED[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(TransformFileError) as refused:
        read_linear(tmp_path / name)
    assert str(refused.value).startswith(f"{tmp_path / name} {said}")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(
        TransformFileError, match="xfm.mat cannot be opened \\(No such file or directory\\): "
    ):
        read_linear(tmp_path / "xfm.mat")


@pytest.mark.parametrize("length", [0, 10, 40, 190])
def test_a_binary_file_that_ends_too_early(tmp_path, length):
    save_matrix(tmp_path / "xfm.mat", np.eye(4))
    whole = (tmp_path / "xfm.mat").read_bytes()
    assert len(whole) > length
    (tmp_path / "xfm.mat").write_bytes(whole[:length])
    with pytest.raises(TransformFileError, match="cannot be read as an ITK transform"):
        read_linear(tmp_path / "xfm.mat")
