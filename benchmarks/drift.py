"""The gate's tolerances for feature statistics: how far a mean moves with which clips there are.

A tenth of the clips of the store at hand is left out, a thousand times; the tolerance is what 99 of
100 draws stay below. Writes docs/drift.json; the rules of params.yaml hold the same numbers.

    python benchmarks/drift.py
"""

from pathlib import Path

import numpy as np

from soundstage import params, paths
from soundstage.files import write_json
from soundstage.store.read import Feature

DRAWS, LEFT_OUT, QUANTILE, SEED = 1000, 0.1, 0.99, 0


def moves(sums: np.ndarray, counts: np.ndarray) -> float:
    """Return the quantile of the mean's distance from that of all clips; two digits."""
    rng = np.random.default_rng(SEED)
    kept = round(len(sums) * (1 - LEFT_OUT))
    draws = (rng.permutation(len(sums))[:kept] for _ in range(DRAWS))
    means = np.array([sums[drawn].sum() / counts[drawn].sum() for drawn in draws])
    distance = float(np.quantile(np.abs(means - sums.sum() / counts.sum()), QUANTILE))
    return float(f"{distance:.2g}")


def main() -> None:
    """Measure every mean that the gate watches."""
    found: dict[str, dict[str, float]] = {}
    for file, rules in params.load().top.gate.items():
        if Path(file).parent != paths.FEATURES:
            continue
        feature = Feature(paths.STORE / Path(file).stem)
        rows = [shard.array(key) for shard in feature.shards() for key in shard.keys]
        for name in (name for name in rules if name.endswith("mean")):
            if name == "mean":
                values = [row.ravel() for row in rows]
            else:
                column = feature.index["columns"].index(name.split(".")[1])
                values = [row[column : column + 1] for row in rows]
            sums = np.array([value.sum(dtype=np.float64) for value in values])
            counts = np.array([value.size for value in values])
            found.setdefault(file, {})[name] = moves(sums, counts)
    write_json(Path("docs/drift.json"), found)


if __name__ == "__main__":
    main()
