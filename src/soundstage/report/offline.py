"""The scripts that draw ``dvc plots``' charts, on this machine.

DVC's page loads them from the network, so without one its charts are blank. ``plots.html`` (DVC's
``plots.html_template``) loads what this module writes instead.
"""

import sys
from pathlib import Path

import vl_convert

from soundstage.files import write_bytes


def write_bundle(path: Path) -> None:
    """Write Vega, Vega-Lite and vega-embed as one script (0.9 MB), unless ``path`` is there.

    The script is taken from the vl-convert package and defines ``window.vegaEmbed``.
    """
    if not path.exists():
        bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
        write_bytes(path, bundle.encode())


if __name__ == "__main__":
    write_bundle(Path(sys.argv[1]))
