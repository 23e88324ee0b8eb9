"""docs/results.md of the trials: what every system costs, what leaks are worth, what is found."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import scipy
from trial import COPIES, SEGMENTS, Place
from worth import Mean, difference, mean, rows

from soundstage import audit, near_duplicates, params
from soundstage.papers import definition
from soundstage.store.read import Feature

Trials = Sequence[dict[str, Any]]
LEAKS = (*COPIES, "artist", SEGMENTS, "")
SAID = {
    "repeated": "its repetition",
    "reencoded": "another encoding",
    "instruments": "other instruments",
    "artist": "its artist",
    SEGMENTS: "its own segments",
    "": "nothing",
}
HEAD = """\
# Results: every system runs, and what leaks are worth

Written by `python benchmarks/papers.py` on `demo30`: {main} clips of 30 s in {styles} styles,
rendered from scores, with known faults planted, and {fresh} fresh clips of other pieces. It says
nothing of the papers' numbers, for which [papers.md](papers.md) is.

## Every system runs

As printed. Networks that two cores cannot train in full are trained on few clips for two epochs,
which shows that they run and that their loss falls, and no more; they have no score. A step is of
a batch; of models without steps the time is that of the whole training.
"""
WORTH = """\
## What leaks are worth

Accuracy on test clips, and on fresh ones, which is the truth, of the same trained models, over
up to {draws} draws of split and training. Between them stands how far the score is above the truth,
with its 95 % interval over pieces and artists, of the clips with the right label: one in twenty has
a wrong one, in test parts too, which lowers a score. As printed is the paper's way to split; honest
is the split by piece and artist.
"""
LEAK = """\
## Leak by leak

As printed again: how much more often a system is right on test clips of which this trains too than
on fresh ones, and how many answers that is of. Where nothing of a clip trains it should be zero.
"""
AUDIT = """\
## What the audit finds

Of what is planted, by its sound, with exact 95 % intervals. Claimed is what it sets out to find;
another performance of a piece, or an artist, is known to it only from the table of tracks.
"""


def page(trials: Trials, main: Place, fresh: Place) -> list[str]:
    """Return the lines of the page."""
    styles = main.tracks["genre"].n_unique()
    head = HEAD.format(main=len(main.tracks), styles=styles, fresh=len(fresh.tracks))
    scored = [trial for trial in trials if "test" in trial]
    lines = [*head.splitlines(), *_machinery(trials)]
    if scored:
        draws = len({trial["draw"] for trial in scored})
        lines += ["", *WORTH.format(draws=draws).splitlines(), "", *_worth(scored)]
        lines += ["", *LEAK.splitlines(), "", *_leak_by_leak(scored)]
    return [*lines, "", *AUDIT.splitlines(), "", *_audit(main)]


def _machinery(trials: Trials) -> list[str]:
    lines = []
    for key in definition.names():
        firsts = {
            t["system"]: t
            for t in reversed(trials)
            if t["paper"] == key and t["protocol"] == "as_printed"
        }
        if not firsts:
            continue
        lines += ["", f"### {key}: {definition.load(key).title}", ""]
        lines += _table(
            [
                "system",
                "input",
                "parameters",
                "clips",
                "epochs",
                "first loss",
                "last loss",
                "s a step",
            ],
            [_cost(firsts[name]) for name in sorted(firsts)],
        )
    return lines


def _cost(trial: dict[str, Any]) -> list[str]:
    shape = " x ".join(map(str, trial["input_shape"]))
    start = [trial["system"], shape]
    if "epochs" not in trial:
        return [*start, "", str(trial["clips"]), "", "", "", f"{trial['seconds']:.2g} in all"]
    first, last = trial["losses"]
    return [
        *start,
        f"{trial['weights']:,}",
        str(trial["clips"]),
        str(trial["epochs"]),
        f"{first:.3f}",
        f"{last:.3f}",
        f"{trial['seconds_a_step']:.2g}",
    ]


def _of(trials: Trials, paper: str, system: str, protocol: str) -> Trials:
    where = paper, system, protocol
    return [t for t in trials if (t["paper"], t["system"], t["protocol"]) == where]


def _systems(trials: Trials) -> list[tuple[str, str]]:
    return sorted({(t["paper"], t["system"]) for t in trials})


def _worth(trials: Trials) -> list[str]:
    found = []
    for paper, system in _systems(trials):
        line = [f"{paper} {system}"]
        for protocol in ("as_printed", "honest"):
            of = _of(trials, paper, system, protocol)
            if not of:
                line += ["", "", ""]
                continue
            test, true = rows(of, "test"), mean(rows(of, "fresh"))
            line += [_value(mean(test)), _less(mean(test.filter(mislabelled=False)), true)]
            line += [_value(true)]
        found.append(line)
    titles = [t for p in ("as printed", "honest") for t in (p, "above truth", "truth")]
    return _table(["system", *titles], found)


def _leak_by_leak(trials: Trials) -> list[str]:
    found = []
    for paper, system in _systems(trials):
        of = _of(trials, paper, system, "as_printed")
        if not of:
            continue
        test, true = rows(of, "test"), mean(rows(of, "fresh"))
        right, wrong = test.filter(mislabelled=False), test.filter(mislabelled=True)
        means = [*(mean(right.filter(leak=leak)) for leak in LEAKS), mean(wrong)]
        found.append([f"{paper} {system}", *(_less(a, true, count=True) for a in means)])
    return _table(["system", *(SAID[leak] for leak in LEAKS), "mislabelled"], found)


def _value(a: Mean | None) -> str:
    return f"{a.value:.3f}" if a else ""


def _less(a: Mean | None, b: Mean | None, *, count: bool = False) -> str:
    if a is None or b is None:
        return ""
    d, low, high = difference(a, b)
    return f"{d:+.2f} [{low:+.2f}, {high:+.2f}]" + (f" {a.clips}" if count else "")


def _audit(main: Place) -> list[str]:
    """Compare what near-duplicates are found with what was planted."""
    settings = params.load().top.audit
    decoded = Feature(main.store / settings.waveform).table()
    checksums = dict(decoded.select("key", "checksum").iter_rows())
    near = near_duplicates.find(
        Feature(main.store / settings.landmarks),
        share=settings.near_share,
        many=settings.near_many,
        share_of_many=settings.near_share_of_many,
    )
    recordings = near_duplicates.groups(near, checksums)
    of = {t: recordings[key] for t, key in main.tracks.select("track", "key").iter_rows()}

    planted, lines = main.planted, []
    for kind in COPIES:
        found = [of[a] == of[b] for a, b in planted.filter(kind=kind)["track", "other"].iter_rows()]
        lines.append([SAID[kind], "yes" if kind != "instruments" else "no", *_share(found)])
    torn = set(audit.two_labels(main.tracks, recordings)["subject"])
    wrong = main.tracks.join(planted.filter(kind="mislabelled"), on="track")
    lines.append(["mislabelled", "no", *_share([path in torn for path in wrong["path"]])])
    table = _table(["planted", "claimed", "number", "found"], lines)

    pieces = main.tracks["group"].to_list(), [of[track] for track in main.tracks["track"]]
    apart = [p == q for (g, p), (h, q) in combinations(zip(*pieces, strict=True), 2) if g != h]
    alarms = f"False alarms: {sum(apart)} of {len(apart):,} pairs of clips of different pieces."
    return [*table, "", alarms]


def _share(found: Sequence[bool]) -> list[str]:
    k, n = sum(found), len(found)
    ends = scipy.stats.binomtest(k, n).proportion_ci()
    return [str(n), f"{k / n:.2f} [{ends.low:.2f}, {ends.high:.2f}]"]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(line)} |" for line in (head, rule, *lines)]
