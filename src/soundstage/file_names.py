"""What the name of a file says of it: that it is audio, or that a system or a tool made it."""

import re
from fnmatch import translate
from pathlib import PurePosixPath

# The endings under which the containers of `soundstage.audio` are found. A list of what is audio,
# not of what is none: there is no end to what else lies beside music.
ENDINGS = frozenset({
    ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".asf", ".au", ".avi", ".caf",
    ".eac3", ".flac", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpeg",
    ".mpg", ".oga", ".ogg", ".opus", ".ra", ".rm", ".snd", ".spx", ".tta", ".w64", ".wav",
    ".wave", ".webm", ".wma", ".wv",
})  # fmt: skip

# Files and folders that only systems and tools make, in lower case, as patterns of `fnmatch`.
# Nothing else is left out for its name: that of a band may begin with a dot.
LEFT_OUT = (
    # macOS, also on disks that it shares
    "._*", ".ds_store", "__macosx", ".spotlight-v100", ".fseventsd", ".temporaryitems",
    ".documentrevisions-v100", ".appledouble", ".appledesktop", ".appledb",
    # Windows, Linux, and network storage
    "$recycle.bin", "system volume information", ".trash*", "lost+found", ".nfs????????*",
    ".fuse_hidden*", "@eadir", "#recycle", "@recycle", ".@__thumb", "#snapshot",
    # tools
    ".git", ".svn", ".hg", ".dvc", ".venv", ".ipynb_checkpoints", ".stfolder", ".stversions",
    ".dropbox.cache", ".~lock.*",
    # this project: what it keeps, downloads, unpacks and writes, see `files` and `unpack`
    ".soundstage", ".archives", ".unpacked", ".*.lock", ".*.part", ".*.[0-9]*.tmp",
)  # fmt: skip
_LEFT_OUT = re.compile("|".join(map(translate, LEFT_OUT)))


def ending(path: str) -> str:
    """Return the ending of a file's name in lower case, with its dot; "" if there is none.

    What has a space in it is part of a title, as in `04 Mr. Brightside`.
    """
    found = PurePosixPath(path).suffix.lower()
    return "" if any(map(str.isspace, found)) else found


def without_ending(path: str) -> str:
    """Return a path without the ending of its file's name."""
    return path[: len(path) - len(ending(path))]


def is_audio(path: str) -> bool:
    """Say whether a path ends as audio does."""
    return ending(path) in ENDINGS


def is_left_out(path: str) -> bool:
    """Say whether a path, relative to the data set's folder, has a part that is in `LEFT_OUT`."""
    return any(_LEFT_OUT.match(part.lower()) for part in path.split("/"))
