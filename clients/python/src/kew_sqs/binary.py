"""Where the `kew` binary of this package is."""

import os
import sys
import sysconfig
from typing import Iterator


def binary() -> str:
    """The path of the `kew` binary that this package has brought along.

    Raises FileNotFoundError, with the places that were looked at, if it has gone.
    """
    name = "kew" + (sysconfig.get_config_var("EXE") or "")
    places = [os.path.join(directory, name) for directory in _script_directories()]
    for place in places:
        if os.path.isfile(place):
            return place
    raise FileNotFoundError(f"no {name} where pip puts it: looked at {', '.join(places)}; KEW_BIN may name another")


def _script_directories() -> Iterator[str]:
    yield sysconfig.get_path("scripts")
    user = sysconfig.get_preferred_scheme("user") if sys.version_info >= (3, 10) else f"{os.name}_user"
    yield sysconfig.get_path("scripts", scheme=user)
    # `pip install --target DIR`, and `--prefix DIR` with the packages of DIR on the path.
    packages = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    yield os.path.join(packages, "bin")
    yield os.path.normpath(os.path.join(packages, *[os.pardir] * 3, "bin"))
