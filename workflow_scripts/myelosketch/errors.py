"""Errors that a researcher can act on: one sentence saying what is wrong, where, and what to do."""


class MyelosketchError(Exception):
    """Base of every error that is the input's, not the program's; shown without a traceback."""


class InputError(MyelosketchError):
    """A file, table, setting or participant is not what the workflow needs."""


class GeometryError(MyelosketchError):
    """Two images that must share one grid (shape and affine) do not."""
