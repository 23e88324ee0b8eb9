import io
import subprocess
import sys

from soundstage import terminal


def test_what_moves_a_terminal_is_escaped_and_all_else_stays():
    assert terminal.shown("ja\x1b[2Jzz\n") == "ja\\x1b[2Jzz\\n"
    assert terminal.shown("evil\u202egpj.mp3") == "evil\\u202egpj.mp3"
    assert terminal.shown("名前 é ▇") == "名前 é ▇"
    assert terminal.lines("a\tb\nc\rd\x07") == "a\tb\nc\\rd\\x07"


def test_a_guarded_stream_writes_the_same_but_for_that():
    stream = io.StringIO()
    print("one", "\x1b]0;title\x07", sep="\n", file=terminal.Guarded(stream))
    assert stream.getvalue() == "one\n\\x1b]0;title\\x07\n"
    assert terminal.Guarded(stream).getvalue() == stream.getvalue()
    assert terminal.Guarded(stream).write("\x1b") == 1


def test_a_process_prints_names_and_errors_safely():
    code = (
        "from soundstage import interrupts, terminal\n"
        "from soundstage.errors import SoundstageError\n"
        "terminal.guard(); interrupts.one_line_errors(); print('class \\x1b[2J')\n"
        "raise SoundstageError('no \\x1b[31mred\\nsecond line')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "class \\x1b[2J\n"
    assert done.stderr == "error: no \\x1b[31mred\nsecond line\n"
    assert done.returncode == 1
