"""Names of columns: which one is a misspelling of a known one, and which is a further column of the user's."""

import difflib
import re
from collections.abc import Iterable, Sequence

# lesion_maks is .91 like lesion_mask, sesion .92; ADC is .80 like AD, subgroup .77 like group, size .75 like site
ALIKE = 0.85


def misspelt(names: Iterable[str], known: Sequence[str]) -> dict[str, str]:
    """Names that were probably meant as known ones: alike, another case, or the same letters in another order.

    Parameters
    ----------
    names : columns of a table
    known : names of columns that the workflow reads

    Returns
    -------
    dict : name to the known one; a known name that the table has is not meant by another, and ``FLAIR_date`` or
        ``segmentation_qc`` is a column about it
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
    """The column of a table that has a name, in this case if there is one, else in any; None if there is none."""
    alike = [name for name in names if name.casefold() == wanted.casefold()]
    return wanted if wanted in alike else next(iter(alike), None)


def further_names(names: Iterable[str], known: Sequence[str], prefix: str) -> dict[str, str]:
    """Names of a table's columns in the cohort table: one that is known there gets a prefix."""
    return {name: f"{prefix}_{name}" if name in known else name for name in names}


def bare_id(text: str) -> str:
    """An id without case, signs, ``sub`` or ``ses`` before it, and zeros before a number."""
    letters = re.sub(r"^(sub|ses)", "", _letters(text))
    return re.sub(r"0*(\d+)", r"\1", letters)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
