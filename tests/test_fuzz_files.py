"""Some mutated shards, tables and XML files; `python benchmarks/fuzz_files.py` reads thousands."""

import shutil

import fuzz_files
import numpy as np


def test_mutated_files_are_refused_or_read(tmp_path):
    counts, wrong = fuzz_files.run(tmp_path, 135, seed=0)
    assert not wrong
    assert counts.total() == 135
    assert {name for name, _ in counts} == set(fuzz_files.KINDS)
    assert {verdict for _, verdict in counts} == {"refused", "same", "other"}


def test_each_mutation_changes_a_file(tmp_path):
    valid = fuzz_files.write_valid(tmp_path)
    for name, kind in fuzz_files.KINDS.items():
        before = {file.name: file.read_bytes() for file in valid[name].iterdir()}
        for mutation in set(kind.mutations):
            for seed in range(20):
                mutant = shutil.copytree(valid[name], tmp_path / "mutant")
                mutation(mutant, np.random.default_rng(seed))
                after = {file.name: file.read_bytes() for file in mutant.iterdir()}
                shutil.rmtree(mutant)
                if after != before:
                    break
            else:
                raise AssertionError(f"{mutation.__name__} does not change {name}")
