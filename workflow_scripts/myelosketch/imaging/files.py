"""The files of a scan on its way to the PET grid: as they are given, in T1w space, and on the PET grid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from myelosketch.cohort.table import ALIGNED

# instead of the path of a transform: the image is aligned with the T1w as it is
IDENTITY = "identity"


def given_transforms(files: Mapping[str, Any], aligned: Iterable[str]) -> dict[str, str | Path]:
    """Return the given transforms to the T1w, by image (dwi, MTR, pet, FLAIR).

    Parameters
    ----------
    files : dict of paths by column of the cohort table; ``xfm_dwi`` and the like are transforms
    aligned : images that are aligned with the T1w as they are; IDENTITY is their transform
    """
    paths = {name: files[f"xfm_{name}"] for name in ALIGNED if files.get(f"xfm_{name}")}
    return dict.fromkeys(aligned, IDENTITY) | paths


@dataclass(frozen=True)
class _Files:
    @classmethod
    def of(cls, paths: Mapping[str, Any]) -> Self:
        """Return the files of this kind from paths by name; a blank path counts as none."""
        names = [entry.name for entry in fields(cls)]
        return cls(**{name: paths[name] for name in names if paths.get(name)})


@dataclass(frozen=True)
class RawImages(_Files):
    """Images of a scan as its table gives them, or as derived from raw series.

    Parameters
    ----------
    T1w, FA, RD, AD, MTR, DVR : paths; blank where a step does not read one. The DVR's grid is petref
    FLAIR, lesion_mask, segmentation : paths, or None
    lesion_space : image that the lesion mask was drawn on
    dwi_json : path of the JSON that names the phase encoding, or paths, the nearest to the image last, or None
    pet_anatomy : path of the mean of the early PET frames, or None where the DVR carries the anatomy
    given : dict from ``given_transforms``: transforms of dwi, MTR, pet or FLAIR to T1w that replace a registration
    """

    T1w: str | Path = ""
    FA: str | Path = ""
    RD: str | Path = ""
    AD: str | Path = ""
    MTR: str | Path = ""
    DVR: str | Path = ""
    FLAIR: str | Path | None = None
    lesion_mask: str | Path | None = None
    segmentation: str | Path | None = None
    lesion_space: str = "T1w"
    dwi_json: str | Path | Sequence[str | Path] | None = None
    pet_anatomy: str | Path | None = None
    given: Mapping[str, str | Path] = field(default_factory=dict)

    def map(self, name: str) -> str | Path:
        """Return the path of FA, RD, AD, MTR or DVR."""
        return getattr(self, name)


@dataclass(frozen=True)
class Anatomy(_Files):
    """The head in T1w space, and the transforms to and from it.

    Parameters
    ----------
    t1w, brain, tissue, lesion : paths, on one grid: bias-corrected image, mask, labels, fraction 0-1
    xfm_t1w_to_mni, xfm_dwi_to_t1w, xfm_mtr_to_t1w : paths
    xfm_flair_to_t1w, warp_dwi, warp_mni : paths, or None
    """

    t1w: str | Path = ""
    brain: str | Path = ""
    tissue: str | Path = ""
    lesion: str | Path = ""
    xfm_t1w_to_mni: str | Path = ""
    xfm_dwi_to_t1w: str | Path = ""
    xfm_mtr_to_t1w: str | Path = ""
    xfm_flair_to_t1w: str | Path | None = None
    warp_dwi: str | Path | None = None
    warp_mni: str | Path | None = None

    def to_t1w(self, modality: str) -> list[str | Path]:
        """Return the transforms that resample dwi, MTR or FLAIR onto T1w, the nearest to T1w first."""
        xfm = {"dwi": self.xfm_dwi_to_t1w, "MTR": self.xfm_mtr_to_t1w, "FLAIR": self.xfm_flair_to_t1w}[
            modality
        ]
        warp = [self.warp_dwi] if modality == "dwi" and self.warp_dwi else []
        return [*([xfm] if xfm else []), *warp]


@dataclass(frozen=True)
class OnPetGrid(_Files):
    """The files of a scan on its PET grid, and the transform to it.

    Parameters
    ----------
    xfm_t1w_to_petref : path
    mtr, fa, rd, ad, dvr : paths of maps
    fractions : path of the share of each voxel that each tissue fills
    """

    xfm_t1w_to_petref: str | Path = ""
    mtr: str | Path = ""
    fa: str | Path = ""
    rd: str | Path = ""
    ad: str | Path = ""
    dvr: str | Path = ""
    fractions: str | Path = ""

    def map(self, name: str) -> str | Path:
        """Return the path of FA, RD, AD or MTR."""
        return getattr(self, name.lower())
