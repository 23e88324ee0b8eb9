"""The one exception that soundstage raises for a reader's eyes."""


class SoundstageError(Exception):
    """Something the user can mend; the message says what is wrong and what to do.

    Stages and the command line print it as one line and exit with code 1.
    """
