"""Caches for a user whose home folder cannot be written: imported by every Python of the environment at its start.

Snakemake stops without a folder for its cache, and matplotlib warns in every job.
"""

import os


def cache_home(environ, temporary="/tmp"):
    """Give the variables to set: none where the usual cache can be written, else those of a temporary folder."""
    home = environ.get("HOME") or os.path.expanduser("~")
    place = os.path.abspath(environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"))
    while not os.path.exists(place):
        place = os.path.dirname(place)
    if os.access(place, os.W_OK):
        return {}
    named = environ.get("TMPDIR", "")
    folder = os.path.join(named if os.path.isdir(named) else temporary, f"caches-of-{os.getuid()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        return {}
    if os.stat(folder).st_uid != os.getuid():  # it belongs to another user, so nothing in it may be used
        return {}
    return {
        "XDG_CACHE_HOME": folder,
        "MPLCONFIGDIR": environ.get("MPLCONFIGDIR") or os.path.join(folder, "matplotlib"),
    }


os.environ.update(cache_home(os.environ))
