"""Archives of the data sets that still have an official address."""

from collections.abc import Mapping
from pathlib import Path

from soundstage.download import TRIES, download
from soundstage.unpack import is_unpacked, unpack

# Hidden, so that no listing reads what is only there to be unpacked.
DOWNLOADS = ".archives"


def fetch_folder(
    folder: Path, address: str, files: Mapping[str, str], *, tries: int = TRIES
) -> None:
    """Download an archive and unpack it into a folder, unless that was done before.

    The archive stays in a folder of that name beside it; it may be deleted, and is not missed.

    Parameters
    ----------
    address : of the folder that serves the files.
    files : name -> checksum of the archive, or of its parts, the first one first.
    tries : see `download.download`.

    Raises
    ------
    SoundstageError
        See `download.download` and `unpack.unpack`.
    """
    if is_unpacked(folder):
        return
    downloads = folder.parent / DOWNLOADS
    for name, checksum in files.items():
        download(f"{address}/{name}", downloads / name, checksum=checksum, tries=tries)
    unpack(downloads / next(iter(files)), folder)
