import io
import sys

import pytest

from soundstage.progress import progress


class Clock:
    def __init__(self):
        self.now = 1e9

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tqdm.std.time", clock)
    return clock


def test_a_log_gets_a_line_every_half_minute_and_one_at_the_end(clock, capsys):
    with progress("mel", 100, "clips") as bar:
        for _ in range(100):
            clock.now += 1
            bar.update(seconds=30)
    assert capsys.readouterr().err.splitlines() == [
        "mel: 30 of 100 clips in 00:30, 1.00 clips/s, 30.0 x real time, 01:10 left",
        "mel: 60 of 100 clips in 01:00, 1.00 clips/s, 30.0 x real time, 00:40 left",
        "mel: 90 of 100 clips in 01:30, 1.00 clips/s, 30.0 x real time, 00:10 left",
        "mel: 100 of 100 clips in 01:40, 1.00 clips/s, 30.0 x real time",
    ]


def test_a_log_line_comes_although_the_work_slows_down(clock, capsys):
    with progress("mel", 200, "clips") as bar:
        for i in range(150):
            clock.now += 0.5 if i < 140 else 31
            bar.update()
            if i >= 140:
                assert capsys.readouterr().err.count("\n") >= 1, i


def test_a_log_tells_the_time_left_from_the_average_it_shows(clock, capsys):
    with progress("mel", 120, "clips") as bar:
        for n in (30, 60, 30):
            clock.now += 30
            bar.update(n)
    assert capsys.readouterr().err.splitlines() == [
        "mel: 30 of 120 clips in 00:30, 1.00 clips/s, 01:30 left",
        "mel: 90 of 120 clips in 01:00, 1.50 clips/s, 00:20 left",
        "mel: 120 of 120 clips in 01:30, 1.33 clips/s",
    ]


def test_a_log_of_short_work_is_one_line(clock, capsys):
    with progress("listing", 3, "files") as bar:
        clock.now += 2
        bar.update(3)
    assert capsys.readouterr().err == "listing: 3 of 3 files in 00:02, 1.50 files/s\n"


def test_what_was_finished_before_counts_as_done_but_not_as_speed(clock, capsys):
    with progress("mel", 100, "clips", initial=90) as bar:
        clock.now += 10
        bar.update(5, seconds=20)
        clock.now += 30
        bar.update(4)
    with progress("psd", 100, "clips", initial=100):
        clock.now += 1
    assert capsys.readouterr().err.splitlines() == [
        "mel: 99 of 100 clips in 00:40, 0.23 clips/s, 0.5 x real time, 00:04 left",
        "mel: 99 of 100 clips in 00:40, 0.23 clips/s, 0.5 x real time",
        "psd: 100 of 100 clips in 00:01",
    ]


def test_a_log_says_how_far_it_came_when_the_work_fails(clock, capsys):
    def work():
        with progress("mel", 4, "clips") as bar:
            clock.now += 1
            bar.update()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert capsys.readouterr().err == "mel: 1 of 4 clips in 00:01, 1.00 clips/s\n"


def test_a_postfix_is_shown(clock, capsys):
    with progress("train", 2, "epochs") as bar:
        clock.now += 4
        bar.set_postfix(loss="0.5", refresh=False)
        bar.update()
    assert capsys.readouterr().err == "train: 1 of 2 epochs in 00:04, 0.25 epochs/s, loss=0.5\n"


def test_a_terminal_gets_a_bar_on_one_line(clock, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("mel", 100, "clips") as bar:
        for _ in range(50):
            clock.now += 1
            bar.update(seconds=30)
    said = terminal.getvalue()
    assert said.count("\n") == 1
    frames = said.rstrip().split("\r")
    assert "mel:  50%" in frames[-1]
    assert frames[-1].endswith("50/100 clips [00:50<00:50, 1.00 clips/s, 30.0 x real time]")
