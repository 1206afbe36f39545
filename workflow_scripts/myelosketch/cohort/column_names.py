"""Names of columns: which are misspellings of known ones, and which are the user's further columns."""

import difflib
import re
from collections.abc import Iterable, Sequence

# similarity: lesion_maks to lesion_mask .91, sesion to session .92; ADC to AD .80, subgroup to group .77, size to
# site .75
ALIKE = 0.85


def misspelt(names: Iterable[str], known: Sequence[str]) -> dict[str, str]:
    """Return names that were probably meant as known ones: similar, in another case, or with letters swapped.

    Parameters
    ----------
    names : columns of a table
    known : names of columns that the workflow reads

    Returns
    -------
    dict : name to the known one; a known name that the table has is never suggested, and ``FLAIR_date`` or
        ``segmentation_qc`` is a further column about it
    """
    present = set(names)
    absent = {_letters(name): name for name in known if name not in present}
    found = {}
    for name in present.difference(known):
        letters = _letters(name)
        near = difflib.get_close_matches(letters, absent, n=1, cutoff=ALIKE)
        turned = [word for word in absent if len(word) > 3 and sorted(word) == sorted(letters)]
        meant = [absent[word] for word in (near or turned)]
        if meant and not re.match(rf"{meant[0]}_[^_]", name, flags=re.IGNORECASE):
            found[name] = meant[0]
    return dict(sorted(found.items()))


def column_like(names: Iterable[str], wanted: str) -> str | None:
    """Return the column of a table with a name, preferably in the same case; None if there is none."""
    alike = [name for name in names if name.casefold() == wanted.casefold()]
    return wanted if wanted in alike else next(iter(alike), None)


def further_names(names: Iterable[str], known: Sequence[str], prefix: str) -> dict[str, str]:
    """Return the names of a table's columns in the cohort table: a name that is known there gets a prefix."""
    return {name: f"{prefix}_{name}" if name in known else name for name in names}


def bare_id(text: str) -> str:
    """Return an id in lower case, without punctuation, leading ``sub`` or ``ses``, and zeros before a number."""
    letters = re.sub(r"^(sub|ses)", "", _letters(text))
    return re.sub(r"0*(\d+)", r"\1", letters)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
