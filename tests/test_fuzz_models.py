"""A hundred mutated checkpoints; `python benchmarks/fuzz_models.py` does thousands."""

from pathlib import Path

import fuzz
import fuzz_models
import numpy as np
import pytest


def test_mutated_checkpoints_are_refused_or_answer_in_numbers(tmp_path):
    counts, wrong = fuzz_models.run(tmp_path, 120, seed=0)
    assert not wrong
    assert counts.total() == 120
    kinds = {path.name for path in fuzz_models.write_valid(tmp_path)}
    assert {name for name, _ in counts} == kinds
    assert {verdict for _, verdict in counts} == {"refused", "answers"}


@pytest.fixture
def valid(tmp_path):
    return {path.name: path for path in fuzz_models.write_valid(tmp_path)}


def test_each_mutation_changes_a_checkpoint(valid):
    for mutation in set(fuzz_models.MUTATIONS):
        folder = valid["svm"]
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        for seed in range(20):
            mutation(folder, np.random.default_rng(seed))
            if {file.name: file.read_bytes() for file in folder.iterdir()} != before:
                break
        else:
            pytest.fail(f"{mutation.__name__} changes nothing")
        for name, content in before.items():
            (folder / name).write_bytes(content)


def test_what_goes_wrong_is_told(tmp_path, monkeypatch):
    """Of a reader that makes what a checkpoint says, however large."""
    script = tmp_path / "trusting.py"
    script.write_text(
        "import sys, fuzz_models\n"
        "import numpy as np\n"
        "from pathlib import Path\n"
        "def trusting(folder):\n"
        "    return np.zeros(2**40) if folder.name[0].isdigit() else 'answers'\n"
        "fuzz_models.outcome = trusting\n"
        "folder, *numbers = sys.argv[2:]\n"
        "fuzz_models._child(Path(folder), *map(int, numbers))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(Path(fuzz_models.__file__).parent))
    counts, wrong = fuzz.in_children(str(script), tmp_path, 1, seed=0)
    assert not counts
    assert "MemoryError: Unable to allocate" in wrong[0]
