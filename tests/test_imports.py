"""Imports point down: the contract stands in pyproject.toml."""

import subprocess
import sys
from pathlib import Path


def test_the_import_contract_holds():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
