"""Hundreds of mutations; `python benchmarks/fuzz.py` does thousands."""

import signal

import fuzz


def test_mutated_files_end_in_clean_verdicts(tmp_path):
    counts, wrong = fuzz.fuzz(tmp_path, 300, seed=0)
    assert not wrong
    assert counts.total() == 300
    assert {name for name, _ in counts} == set(fuzz.FORMATS)
    assert counts.keys() >= {("a.mp3", "same"), ("a.mp3", "other"), ("a.wav", "undecodable")}


def test_harmless_mutations_change_the_file(tmp_path, limits):
    valid = fuzz.write_valid(tmp_path, limits.ffmpeg)
    done = {
        (kind, name)
        for name, kind, content in (fuzz.mutation(i, 0, valid) for i in range(500))
        if kind in fuzz.HARMLESS and content != valid[name]
    }
    assert {kind for kind, _ in done} == set(fuzz.HARMLESS)


def test_what_goes_wrong_is_told_and_the_rest_goes_on(tmp_path, monkeypatch):
    """A decoder that crashes on the third mutation, has no words for the fifth, hangs on the 7th.

    A child judges two mutations.
    """
    script = tmp_path / "crashing.py"
    script.write_text(
        "import os, sys, time\n"
        "first, last = map(int, sys.argv[3:5])\n"
        "for i in range(first, last):\n"
        "    i == 2 and os.abort()\n"
        "    i == 4 and sys.exit('OSError: no words')\n"
        "    i == 6 and time.sleep(100)\n"
        "    print('harmful', 'a.mp3', 'other', sep='\\t', flush=True)\n"
    )
    monkeypatch.setattr(fuzz, "__file__", str(script))
    monkeypatch.setattr(fuzz, "AT_ONCE", 2)
    monkeypatch.setattr(fuzz, "TIMEOUT", 4)
    counts, wrong = fuzz.fuzz(tmp_path, 8, seed=9)
    assert counts == {("a.mp3", "other"): 5}
    assert wrong == [
        f"mutation 2, seed 9: died of signal {signal.SIGABRT}",
        "mutation 4, seed 9: OSError: no words",
        "mutation 6, seed 9: hangs: no end after 4 s",
    ]
