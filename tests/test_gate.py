import json
import subprocess

import pytest

from soundstage.gate import compare, exit_code, gate
from soundstage.params import Rule

FILE = "metrics/test.json"
BASE = {
    "model": "svm",
    "dataset": "demo",
    "split": "group",
    "target": "genre",
    "n_scored": 36,
    "clip": {"accuracy": 0.8, "loss": 1.0},
}
HIGHER = Rule(better="higher", tolerance=0.1)
LOWER = Rule(better="lower", tolerance=0.1)
EQUAL = Rule(better="equal", tolerance=0.0)


def git(root, *words):
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


def write(root, content, path=FILE):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def changed(**numbers):
    return BASE | {"clip": BASE["clip"] | numbers}


@pytest.fixture
def repo(tmp_path):
    """A repository whose main branch holds BASE, with the same in the workspace."""
    git(tmp_path, "init", "-b", "main")
    write(tmp_path, BASE)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "base")
    return tmp_path


def judge(old, new, rule=HIGHER, key="clip.accuracy"):
    (row,) = compare(old, new, {key: rule})
    return row.verdict, exit_code([row])


@pytest.mark.parametrize(
    ("rule", "now", "verdict"),
    [
        (HIGHER, 0.8, "pass"),
        (HIGHER, 0.7, "pass"),  # 0.8 - 0.7 is a little more than 0.1 in binary
        (HIGHER, 0.699999, "regression"),
        (HIGHER, 1.0, "pass"),
        (LOWER, 0.9, "pass"),
        (LOWER, 0.900001, "regression"),
        (LOWER, 0.0, "pass"),
        (EQUAL, 0.8, "pass"),
        (EQUAL, 0.800001, "regression"),
        (EQUAL, 0.799999, "regression"),
        (Rule(better="equal", tolerance=0.05), 0.85, "pass"),
        (Rule(better="equal", tolerance=0.05), 0.75, "pass"),
        (Rule(better="equal", tolerance=0.05), 0.86, "regression"),
        (Rule(better="equal", tolerance=0.05), 0.74, "regression"),
    ],
)
def test_direction_and_tolerance(rule, now, verdict):
    code = {"pass": 0, "regression": 1}[verdict]
    assert judge(BASE, changed(accuracy=now), rule) == (verdict, code)


def test_counts_compare_like_scores():
    assert judge(BASE, BASE, EQUAL, "n_scored") == ("pass", 0)
    assert judge(BASE, BASE | {"n_scored": 35}, EQUAL, "n_scored") == ("regression", 1)


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        (None, "missing"),
        ({}, "broken"),
        ({"clip": {}}, "missing"),
        ({"clip": 0.8}, "missing"),
        (changed(accuracy=None), "missing"),
        (changed(accuracy="0.9"), "not a number"),
        (changed(accuracy=True), "not a number"),
        (changed(accuracy=[0.9]), "not a number"),
        (changed(accuracy={"mean": 0.9}), "not a number"),
        (changed(accuracy=float("nan")), "not a number"),
        (changed(accuracy=float("inf")), "not a number"),
    ],
)
@pytest.mark.parametrize("old", [None, {}, BASE, BASE | {"dataset": "gtzan"}])
def test_what_the_workspace_lacks_fails_whatever_it_is_compared_with(old, new, verdict):
    assert judge(old, new) == (verdict, 1)


@pytest.mark.parametrize(
    "old",
    [
        None,
        {},
        {"clip": 3},
        changed(accuracy=None),
        changed(accuracy="0.8"),
        changed(accuracy=False),
        changed(accuracy=float("nan")),
        BASE | {"dataset": "gtzan"},
        BASE | {"split": "random"},
        BASE | {"target": "tags"},
        {key: value for key, value in BASE.items() if key != "split"},
    ],
)
def test_nothing_to_compare_with_cannot_be_told(old):
    assert judge(old, BASE) == ("cannot tell", 2)


def test_another_model_is_comparable():
    assert judge(BASE | {"model": "cnn1d"}, BASE) == ("pass", 0)


def test_the_reason_names_what_differs():
    (row,) = compare(BASE | {"dataset": "gtzan", "target": "tags"}, BASE, {"n_scored": EQUAL})
    assert row.reason == "another dataset and target"
    assert (row.old, row.new) == (36, 36)


def test_exit_code_of_several():
    rules = {"clip.accuracy": HIGHER, "gone": HIGHER, "clip.loss": LOWER}
    assert exit_code(compare(BASE, changed(loss=2.0), rules)) == 1
    old = changed() | {"gone": 1}
    rows = compare(BASE, old, rules)
    assert [row.verdict for row in rows] == ["pass", "cannot tell", "pass"]
    assert exit_code(rows) == 2
    assert exit_code(compare(old, old, rules)) == 0
    assert exit_code([]) == 2


def test_gate_passes(repo, capsys):
    write(repo, changed(accuracy=0.75))
    assert gate(repo, "main", {FILE: {"clip.accuracy": HIGHER, "n_scored": EQUAL}}) == 0
    out = capsys.readouterr().out
    header, file, accuracy, scored, closing = out.splitlines()
    assert header.split() == ["metric", "main", "now", "change", "allowed", "verdict"]
    assert file == FILE
    assert accuracy.split() == ["clip.accuracy", "0.8", "0.75", "-0.05", "higher,", "0.1", "pass"]
    assert scored.split() == ["n_scored", "36", "36", "+0", "equal,", "0", "pass"]
    assert closing == "Pass: all 2 metrics are within their tolerance of main."


def test_gate_says_what_touches_the_scores(repo, capsys):
    write(repo, changed(accuracy=0.8) | {"warning": {"missing_class": 3}}, "metrics/test.json")
    assert gate(repo, "main", {FILE: {"clip.accuracy": HIGHER}}) == 0
    *_, warned, closing = capsys.readouterr().out.splitlines()
    assert warned.startswith("warning: missing_class (3): is a class that not every part has")
    assert closing.startswith("Pass")
    write(repo, "[1, 2", "metrics/test.json")
    gate(repo, "main", {})


def test_gate_fails(repo, capsys):
    write(repo, changed(accuracy=0.5))
    assert gate(repo, "main", {FILE: {"clip.accuracy": HIGHER, "clip.loss": LOWER}}) == 1
    out = capsys.readouterr().out
    assert out.count("regression") == 1
    assert out.splitlines()[-1] == "Fail: 1 of 2 metrics got worse or cannot be read."


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        ("", "broken"),
        ("{}", "broken"),
        ('{"clip": {"accuracy": 0.8', "broken"),
        ("[1, 2]", "broken"),
        ("0.8", "broken"),
        ("[" * 100_000, "broken"),
        ('{"clip": {"accuracy": NaN}}', "not a number"),
        ('{"clip": {"accuracy": -Infinity}}', "not a number"),
        ('{"clip": {"accuracy": 1e999}}', "not a number"),
        (f'{{"clip": {{"accuracy": {"9" * 5000}}}}}', "not a number"),
        ('{"clip": {"accuracy": "high"}}', "not a number"),
        ('{"clip": {}}', "missing"),
    ],
)
def test_gate_fails_on_a_broken_workspace(repo, capsys, content, verdict):
    write(repo, content)
    assert gate(repo, "main", {FILE: {"clip.accuracy": HIGHER}}) == 1
    assert verdict in capsys.readouterr().out


def test_gate_fails_on_bytes_that_are_no_text(repo):
    (repo / FILE).write_bytes(b'{"clip": "\xff\xfe"}')
    assert gate(repo, "main", {FILE: {"clip.accuracy": HIGHER}}) == 1


@pytest.mark.parametrize("rev", ["main", "no-such-branch"])
def test_gate_fails_on_a_missing_file(repo, capsys, rev):
    (repo / FILE).unlink()
    assert gate(repo, rev, {FILE: {"clip.accuracy": HIGHER}}) == 1
    assert "missing (no such file)" in capsys.readouterr().out


@pytest.mark.parametrize("rev", ["no-such-branch", "", "--output=pwned", f"main:{FILE}", "main~1"])
def test_gate_cannot_tell_without_the_commit(repo, capsys, rev):
    assert gate(repo, rev, {FILE: {"clip.accuracy": HIGHER}}) == 2
    closing = capsys.readouterr().out.splitlines()[-1]
    assert closing.startswith(f"Cannot tell: git finds no commit {rev}")
    assert not (repo / "pwned").exists()


def test_gate_cannot_tell_outside_git(tmp_path):
    write(tmp_path, BASE)
    assert gate(tmp_path, "main", {FILE: {"clip.accuracy": HIGHER}}) == 2


def test_gate_cannot_tell_without_the_file_there(repo, capsys):
    write(repo, {"shared": 0}, "metrics/leakage.json")
    rules = {FILE: {"clip.accuracy": HIGHER}, "metrics/leakage.json": {"shared": EQUAL}}
    assert gate(repo, "main", rules) == 2
    assert "cannot tell (no such file)" in (out := capsys.readouterr().out)
    assert out.endswith("Cannot tell: 1 of 2 metrics have no counterpart in main.\n")
    write(repo, changed(accuracy=0.1))  # a failure wins
    assert gate(repo, "main", rules) == 1


def test_gate_cannot_tell_where_the_file_there_is_broken(repo):
    write(repo, "{ not JSON")
    git(repo, "commit", "-am", "broken")
    write(repo, BASE)
    assert gate(repo, "main", {FILE: {"clip.accuracy": HIGHER}}) == 2
    assert gate(repo, "main~1", {FILE: {"clip.accuracy": HIGHER}}) == 0


def test_gate_cannot_tell_on_another_data_set(repo, capsys):
    write(repo, BASE | {"dataset": "gtzan"})
    assert gate(repo, "main", {FILE: {"clip.accuracy": HIGHER}}) == 2
    assert "cannot tell (another dataset)" in capsys.readouterr().out


@pytest.mark.parametrize("rules", [{}, {FILE: {}}])
def test_gate_cannot_tell_without_rules(repo, capsys, rules):
    assert gate(repo, "main", rules) == 2
    assert "holds no rule" in capsys.readouterr().out


def test_gate_reads_a_tag_and_a_project_below_the_repository_root(repo):
    project = repo / "music"
    write(project, changed(accuracy=0.9))
    git(repo, "add", ".")
    git(repo, "commit", "-m", "project")
    git(repo, "tag", "v1")
    write(project, changed(accuracy=0.5))  # worse than its own 0.9, though not than BASE - 0.4
    assert (
        gate(project, "v1", {FILE: {"clip.accuracy": Rule(better="higher", tolerance=0.35)}}) == 1
    )


def test_lines_stay_whole_in_a_log_without_a_terminal(repo, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    key = "clip.class.international-[fusion].average_precision"
    gate(repo, "main", {FILE: {key: HIGHER}})
    out = capsys.readouterr().out
    assert key in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 110
