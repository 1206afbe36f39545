"""Errors that a researcher can act on: one sentence saying what is wrong, where, and what to do."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


class MyelosketchError(Exception):
    """Base of every error that is the input's, not the program's; shown without a traceback."""


class InputError(MyelosketchError):
    """A file, table, setting or participant is not what the workflow needs."""


class GeometryError(MyelosketchError):
    """Two images that must share one grid (shape and affine) do not."""


def for_each(items: Iterable[Item], work: Callable[[Item], object]) -> None:
    """Call ``work`` for every item, and only then tell what failed, so that one start shows all there is to mend.

    Parameters
    ----------
    items : iterable
    work : function of one item

    Raises
    ------
    InputError : the sentences of all items that failed for what was given to them
    """
    said = []
    for item in items:
        try:
            work(item)
        except MyelosketchError as error:
            said.append(str(error))
    if said:
        raise InputError("\n".join(said))


def few(items: Iterable[object], shown: int = 10) -> str:
    """Items of a message, separated by commas; beyond the first ones they are counted."""
    texts = [str(item) for item in items]
    return ", ".join(texts[:shown]) + (f" and {len(texts) - shown} more" if len(texts) > shown else "")
