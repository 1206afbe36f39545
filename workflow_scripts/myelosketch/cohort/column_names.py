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


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
