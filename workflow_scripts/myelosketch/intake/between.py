"""Checks between the images of one scan: grids, swaps, overlap in space, lesions against brain."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from myelosketch.errors import GeometryError
from myelosketch.intake.air import head_centre, judged_voxels
from myelosketch.intake.checks import Finding
from myelosketch.intake.duplicates import tensor_findings
from myelosketch.io.volumes import Volume, check_same_grid

# images that must share a grid: those of one acquisition, or a mask and the image it was drawn on
ONE_GRID = (
    ("FA", "RD"),
    ("FA", "AD"),
    ("mt_off", "mt_on"),
    ("pet", "reference_mask"),
)
# images whose content box is compared with that of the T1w: one per acquisition
PLACED = ("FLAIR", "segmentation", "FA", "MTR", "DVR", "dwi", "mt_on", "pet")
# image that a lesion mask in a space is compared with: the first of these that the scan has
DRAWN_ON: dict[str, tuple[str, ...]] = {
    "T1w": ("T1w",),
    "FLAIR": ("FLAIR",),
    "dwi": ("FA", "dwi"),
    "MTR": ("MTR", "mt_off"),
    "MNI152": (),
}
# lowest and highest corner of the brain of MNI152, with a margin, mm
MNI_BOX_MM = np.array([[-80.0, -115.0, -80.0], [80.0, 85.0, 95.0]])
CONTENT_SHARE = 0.1
MIN_OVERLAP = 0.1
# a segmentation is in the world space of the T1w, so only its grid may differ; all other images are registered
MIN_OVERLAP_SAME_WORLD = 0.8
# largest share of the brain's voxels with AD below RD: noise causes some in grey matter
AD_BELOW_RD = 0.05
SWAPPED = 0.5
LESION_SHARE = 0.2
# white matter fills less than this share of a brain, so lesions do too
WHITE_SHARE = 0.4
BRAIN_ML = 1400.0


def scan_findings(
    volumes: Mapping[str, Volume], sound: Collection[str], lesion_space: str = "T1w"
) -> list[Finding]:
    """Return findings about the images of a scan together.

    Parameters
    ----------
    volumes : dict of Volume by input name; a series is represented by one of its volumes, masks are 0 and 1
    sound : names of images whose values were not refused: only those are compared by value
    lesion_space : image that the lesion mask was drawn on, a key of DRAWN_ON

    Returns
    -------
    list of Finding
    """
    return [
        *_grid_findings(volumes, _grids(volumes, lesion_space)),
        *_overlap_findings(volumes),
        *_template_findings(volumes, lesion_space),
        *_swap_findings({name: volumes[name] for name in sound}, _centre(volumes)),
        *_lesion_findings({name: volumes[name] for name in sound}),
    ]


def _grids(volumes: Mapping[str, Volume], lesion_space: str) -> list[tuple[str, str]]:
    """Return the pairs of images that must share a grid, with the lesion mask and the image it was drawn on."""
    under = next((name for name in DRAWN_ON[lesion_space] if name in volumes), None)
    return [*ONE_GRID, *([(under, "lesion_mask")] if under else [])]


def _grid_findings(volumes: Mapping[str, Volume], pairs: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    for first, second in pairs:
        if first not in volumes or second not in volumes:
            continue
        one, other = (Volume(volumes[name].data, volumes[name].affine, name) for name in (first, second))
        try:
            check_same_grid(one, other)
        except GeometryError as error:
            what, file = str(error).split(": ")[0], Path(volumes[first].path or "").name
            yield Finding(
                "grids", second, f"does not share the grid of {first} ({file}; {what})",
                "resample one onto the other" + (
                    ", or name the image it was drawn on in lesion_space" if second == "lesion_mask" else ""
                ),
            )  # fmt: skip


def _centre(volumes: Mapping[str, Volume]) -> np.ndarray | None:
    return head_centre(content_box_mm(volumes["T1w"])) if "T1w" in volumes else None


def _swap_findings(volumes: Mapping[str, Volume], centre: np.ndarray | None) -> Iterator[Finding]:
    share = _share_below(volumes.get("AD"), volumes.get("RD"), centre)
    if share > SWAPPED:
        yield Finding(
            "swapped", "AD", f"lies below RD in {share:.0%} of the brain",
            "AD and RD are swapped: correct the table",
        )  # fmt: skip
    elif share > AD_BELOW_RD:
        yield Finding(
            "ad_below_rd", "AD", f"lies below RD in {share:.0%} of the brain, expected at most {AD_BELOW_RD:.0%}",
            "AD is the largest eigenvalue, RD the mean of the others; compute both from one fit",
        )  # fmt: skip
    else:
        yield from tensor_findings(volumes, centre)
    if _share_below(volumes.get("mt_off"), volumes.get("mt_on"), centre) > SWAPPED:
        yield Finding(
            "swapped", "mt_on", "is brighter than mt_off in most of the head",
            "swap them (mt_on is the one with the saturation pulse), or export both with the same gain",
        )  # fmt: skip


def _share_below(larger: Volume | None, smaller: Volume | None, centre: np.ndarray | None) -> float:
    """Return the share of the voxels with both images above 0 in which ``larger`` is below ``smaller``.

    The share is 0 if the images cannot be compared. Of images that were never masked, only the middle of the head
    counts (see ``air.judged_voxels``).
    """
    if larger is None or smaller is None or larger.shape != smaller.shape:
        return 0.0
    inside = (larger.data > 0) & (smaller.data > 0)
    for near in (judged_voxels(volume, centre) for volume in (larger, smaller)):
        inside &= True if near is None else near
    return float((larger.data[inside] < smaller.data[inside]).mean()) if inside.any() else 0.0


def _overlap_findings(volumes: Mapping[str, Volume]) -> Iterator[Finding]:
    found = {name: content_box_mm(volume) for name, volume in volumes.items()}
    boxes = {name: box for name, box in found.items() if box is not None}
    if "T1w" not in boxes:
        return
    for name in PLACED:
        if name not in boxes:
            continue
        share = overlap(boxes["T1w"], boxes[name])
        if share < (MIN_OVERLAP_SAME_WORLD if name == "segmentation" else MIN_OVERLAP):
            distance = np.linalg.norm(boxes["T1w"].mean(axis=0) - boxes[name].mean(axis=0))
            yield Finding(
                "apart", name,
                f"is {distance:.0f} mm away from the T1w in space (the boxes of the content overlap by {share:.0%})",
                "was its position in space lost in a conversion? Export it again",
            )  # fmt: skip


def _template_findings(volumes: Mapping[str, Volume], lesion_space: str) -> Iterator[Finding]:
    """Yield the finding about a lesion mask in MNI152 space that reaches beyond the brain of MNI152."""
    if lesion_space != "MNI152" or "lesion_mask" not in volumes:
        return
    box = content_box_mm(volumes["lesion_mask"])
    if box is not None and ((box[0] < MNI_BOX_MM[0]) | (box[1] > MNI_BOX_MM[1])).any():
        low, high = (" x ".join(f"{side:.0f}" for side in corner) for corner in box)
        yield Finding(
            "apart", "lesion_mask",
            f"reaches from {low} to {high} mm, beyond the brain of MNI152",
            "is it in that space? Correct lesion_space",
        )  # fmt: skip


def content_box_mm(volume: Volume) -> np.ndarray | None:
    """Return the box around the content of an image in world space, mm; None if the image is empty.

    Returns
    -------
    array (2, 3) : lowest and highest corner
    """
    positive = volume.data[volume.data > 0]
    if not positive.size:
        return None
    inside = volume.data > CONTENT_SHARE * np.percentile(positive[:: max(1, positive.size // 100_000)], 99)
    spans = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    ends = [(span[0] - 0.5, span[-1] + 0.5) for span in spans]
    corners = np.array(np.meshgrid(*ends)).reshape(3, -1).T @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    return np.stack([corners.min(axis=0), corners.max(axis=0)])


def content_sides_mm(volume: Volume) -> np.ndarray | None:
    """Return the sides of the content along the image's own axes, mm, (3,); None if the image is empty."""
    box = content_box_mm(Volume(volume.data, np.diag([*volume.voxel_size, 1.0])))
    return None if box is None else box[1] - box[0]


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the volume that two boxes (2, 3) share, as a fraction of the smaller one, 0-1."""
    shared = np.clip(np.minimum(first[1], second[1]) - np.maximum(first[0], second[0]), 0, None).prod()
    return float(shared / min((box[1] - box[0]).prod() for box in (first, second)))


def _lesion_findings(volumes: Mapping[str, Volume]) -> Iterator[Finding]:
    if not {"T1w", "lesion_mask"} <= set(volumes):
        return
    head, mask = volumes["T1w"], volumes["lesion_mask"]
    volume = np.count_nonzero(mask.data) * mask.voxel_volume / 1000
    # a T1w with skull shows more than the brain, so at most the volume of a large brain is counted
    brain = min(np.count_nonzero(head.data > 0) * head.voxel_volume / 1000, BRAIN_ML)
    if volume > WHITE_SHARE * brain:
        yield Finding(
            "not_lesions", "lesion_mask",
            f"has {volume:.0f} mL, {volume / brain:.0%} of the brain: more than its white matter",
            "give a mask of lesions, not of a tissue or of the brain; if it is a segmentation, set "
            "lesions.label to the number of lesions in it (99 for SAMSEG)",
        )  # fmt: skip
    elif volume > LESION_SHARE * brain:
        yield Finding(
            "lesion_volume", "lesion_mask",
            f"has {volume:.0f} mL of lesions, {volume / brain:.0%} of the brain "
            f"(expected at most {LESION_SHARE:.0%})",
            "is it a mask of lesions, and not of a tissue?",
        )  # fmt: skip
