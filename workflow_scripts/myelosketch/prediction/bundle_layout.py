"""The files of a model bundle and the columns of its tables."""

from collections.abc import Iterable, Sequence

from myelosketch.learning.models import CARD, WEIGHTS

FORMAT = 1
MANIFEST, README = "bundle.json", "README.md"
# tables and their columns
TABLES = {
    "residuals": ("quantity", "participant", "group", "size", "predicted", "true"),
    "errors": ("region", "dvr_pred", "mean_abs_error", "n_participants"),
    "scores": ("method", "metric", "k", "mean", "ci_low", "ci_high", "n"),
}
# columns of text
WORDS = ("quantity", "group", "size", "region", "method", "metric")
# the scores of this method are shown next to those of the bundled method
BASELINE = "template"


def model_file(fold: int, method: str, name: str) -> str:
    """Return the name of a model's file in the bundle."""
    return f"fold-{fold}/{method}/{name}"


def file_names(models: Iterable[str], folds: Sequence[int]) -> list[str]:
    """Return the names of all files of a bundle except the manifest, sorted.

    Parameters
    ----------
    models : names of the methods with models in the bundle
    folds : numbers of the folds

    Returns
    -------
    list of str
    """
    of_models = [
        model_file(fold, method, name) for fold in folds for method in models for name in (WEIGHTS, CARD)
    ]
    return sorted([README, *(f"{table}.tsv" for table in TABLES), *of_models])
