"""Files that several tests of the evaluation need: transforms as ANTs writes them, and fractions of tissue."""

import numpy as np
import scipy.io

from myelosketch.imaging.registration.fractions import FRACTIONS
from myelosketch.io.provenance import sidecar_path, write_json
from myelosketch.io.volumes import save_volume


def write_transform(path, *, linear=None, shift=(0, 0, 0), centre=(0, 0, 0)):
    """An affine transform file (ITK, LPS): x -> linear (x - centre) + centre + shift."""
    linear = np.eye(3) if linear is None else np.asarray(linear)
    parameters = np.concatenate([np.ravel(linear), shift])[:, None]
    content = {"AffineTransform_double_3_3": parameters, "fixed": np.asarray(centre, float)[:, None]}
    scipy.io.savemat(path, content, format="4")


def write_tissues(path, affine, **tissues):
    """Fractions of tissue on petref; what is not given is 0."""
    shape = next(iter(tissues.values())).shape
    data = np.stack([np.asarray(tissues.get(name, np.zeros(shape)), float) for name in FRACTIONS], axis=-1)
    save_volume(path, data, affine)
    write_json(sidecar_path(path), {"LabelMap": list(FRACTIONS), "LesionSource": "mask"})
