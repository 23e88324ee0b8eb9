"""Paper 000's eight networks on a GPU: as many clips, tags and epochs as its table took.

    python benchmarks/gpu.py [--epochs N] [--precision bfloat16] [--compile] [--out FILE]

The clips are made up, of the shape of MagnaTagATune's: what they hold does not matter to the time.
How busy the GPU is, `nvidia-smi` says while training goes on: the share of time in which a kernel
runs. Where there is no GPU this says so, and ends.
"""

import argparse
import math
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from soundstage import registry, training
from soundstage.batches import Batches
from soundstage.files import whole_or_not_at_all
from soundstage.params import Training
from soundstage.progress import progress

CLIPS, TAGS, BATCH = 14_837, 10, 16  # paper 000, sections 3.1 and 3.3; the clips that it trained on
TARGET = 600.0  # seconds for all eight with ten epochs each
BLOCK = 64  # clips that differ; the others repeat them
WAVE = (465_984,), "int8"
PSD = (129, 2080), "float32"
NETWORKS = {
    "cnn1d": WAVE,
    "crnn1d_rnn": WAVE,
    "crnn1d_lstm": WAVE,
    "crnn1d_gru": WAVE,
    "cnn1d_chunk": WAVE,
    "crnn2d_rnn": PSD,
    "crnn2d_lstm": PSD,
    "crnn2d_gru": PSD,
}


class MadeUp:
    """Random clips, with random tags."""

    def __init__(self, n: int, shape: Sequence[int], dtype: str) -> None:
        rng = np.random.default_rng(0)
        self.block = rng.integers(-128, 128, (BLOCK, *shape), np.int8).astype(dtype)
        self.tags = (rng.random((n, TAGS)) < 0.2).astype(np.float32)

    def __len__(self) -> int:
        return len(self.tags)

    def batch(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return some clips and their tags."""
        chosen = np.asarray(indices)
        return self.block[chosen % BLOCK], self.tags[chosen]


@contextmanager
def busy() -> Iterator[list[float]]:
    """Yield a list that holds, after the block, the GPU's utilisation in percent, ten a second."""
    query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "100"]
    command = ["nvidia-smi", "-i", str(torch.cuda.current_device()), *query]
    found: list[float] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        try:
            yield found
        finally:
            watch.terminate()
            said, _ = watch.communicate()
            found.extend(float(line) for line in said.split() if line.isdecimal())


def measure(kind: str, setting: Training, n: int, device: torch.device) -> tuple[float, float]:
    """Train a network; return the seconds and the share of them in which the GPU was busy."""
    shape, dtype = NETWORKS[kind]
    torch.manual_seed(0)
    model = registry.component("models", kind)(shape, TAGS).to(device)
    clips = MadeUp(n, shape, dtype)
    options = {"batch_size": setting.batch_size, "device": device, "data": setting.data}
    batches = Batches(clips, shuffle_seed=0, **options)  # type: ignore[arg-type]
    optimiser = torch.optim.Adam(
        model.parameters(), lr=setting.learning_rate, eps=1e-7, fused=device.type == "cuda"
    )
    if setting.compile:
        model.compile(dynamic=False)
    with progress(kind, setting.epochs * len(batches), "batches") as bar, busy() as percent:
        start = time.perf_counter()
        for epoch in range(setting.epochs):
            loss, _ = training.train_epoch(model, optimiser, batches, epoch, setting, bar)
        took = time.perf_counter() - start
    if not math.isfinite(loss):
        raise RuntimeError(f"{kind}: the loss is {loss}")
    return took, fmean(percent) / 100 if percent else math.nan


def main() -> None:
    """Measure and print; write the page if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--out", type=Path)
    said = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU here: nothing was measured")
        return
    device = training.device()
    training.sum_in_a_fixed_order()
    setting = Training(
        epochs=said.epochs,
        batch_size=BATCH,
        learning_rate=1e-3,
        precision=said.precision,
        compile=said.compile,
    )
    how = f"{said.precision}, {'compiled' if said.compile else 'not compiled'}"
    lines = [
        f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, {how}: "
        f"{said.clips:,} made-up clips, {said.epochs} epochs, batch of {BATCH}",
        "",
        "| network | seconds | clips/s | GPU busy |",
        "|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    total = 0.0
    for kind in NETWORKS:
        took, share = measure(kind, setting, said.clips, device)
        total += took
        rate = said.epochs * said.clips / took
        lines.append(f"| {kind} | {took:.1f} | {rate:,.0f} | {share:.0%} |")
        print(lines[-1], flush=True)
    lines += ["", f"All eight: {total:.0f} s; the target for ten epochs is {TARGET:.0f} s."]
    print("\n".join(lines[-2:]))
    if said.out:
        with whole_or_not_at_all(said.out) as temporary:
            temporary.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
