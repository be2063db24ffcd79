"""Images per second of the training loop beside a bare forward-backward-step loop, same network and images, in turn.

    python benchmarks/training/run.py [--networks densenet121 ainu-small] [--edge 64] [--rounds 5] [--write]

The bare loop has its images ready in memory and does nothing but forward, loss, backward and step. Ours makes each
batch from counts (normalised, turned, mirrored), clips gradients, follows the one-cycle rate and can be resumed.
"Whole epoch" adds what ours does at its end: statistics of the batch normalisation, validation, the resume file.

A second table tells what the memory order of the images and mixed precision do to the bare loop on this processor.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src")]

from ainu.images.augmentation import Augmentation  # noqa: E402
from ainu.images.views import Images  # noqa: E402
from ainu.networks.model import make_network  # noqa: E402
from ainu.settings.defaults import section  # noqa: E402
from ainu.training.checkpoint import ResumeFile  # noqa: E402
from ainu.training.loop import Run, make_deterministic  # noqa: E402
from ainu.training.recipe import Recipe, Transfer  # noqa: E402
from ainu.typed import typed  # noqa: E402

NUCLEI, BATCH, CHANNELS = 96, 8, 2
CPU = torch.device("cpu")
BAR = 0.95


def ours(name: str, counts: np.ndarray, labels: np.ndarray) -> Run:
    inputs = Images(counts, "share", typed(Augmentation, section("augmentation")), voxel_nm=200.0)
    recipe = typed(Recipe, section("training", epochs=1000, batch_size=BATCH, patience=1000))
    network = make_network(name, CHANNELS, 2, counts.shape[2:], seed=1)
    return Run(network, inputs, labels, np.arange(NUCLEI), recipe, CPU, 1, typed(Transfer, section("transfer")))


def bare(
    name: str,
    counts: np.ndarray,
    labels: np.ndarray,
    order: torch.memory_format = torch.channels_last,
    *,
    mixed: bool = False,
) -> Callable[[], None]:
    network = make_network(name, CHANNELS, 2, counts.shape[2:], seed=1).to(memory_format=order)
    images = torch.as_tensor(counts.astype(np.float32)).sqrt().contiguous(memory_format=order)
    codes, loss = torch.as_tensor(labels), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.01)

    def epoch() -> None:
        network.train()
        for part in torch.randperm(NUCLEI).split(BATCH):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                judged = loss(network(images[part]), codes[part])
            judged.backward()
            optimizer.step()

    return epoch


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(name: str, edge: int, rounds: int, folder: Path) -> str:
    """A row of the table: the best epoch of each over all rounds."""
    counts, labels = nuclei(edge)
    run, plain = ours(name, counts, labels), bare(name, counts, labels)
    resume = ResumeFile(folder / "resume.pt", {})

    def steps() -> None:
        for batch in run.batches():
            run.step(batch)

    def close() -> None:
        run.close_epoch(np.arange(NUCLEI // 5))
        resume.save(run.state())

    times = [(seconds(plain), seconds(steps), seconds(close)) for _ in range(rounds + 1)][1:]
    best_bare, best_steps, best_close = (min(column) for column in zip(*times, strict=True))
    ratio = best_bare / best_steps
    verdict = "met" if ratio >= BAR else "**missed**"
    return (
        f"| {name} | {edge} | {NUCLEI / best_bare:.0f} | {NUCLEI / best_steps:.0f} | {ratio:.2f} ({verdict}) | "
        f"{best_bare / (best_steps + best_close):.2f} |"
    )


def nuclei(edge: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.0, (NUCLEI, CHANNELS, edge, edge)).astype(np.uint16)
    return counts, np.arange(NUCLEI) % 2


def orders_and_precisions(name: str, edge: int, rounds: int) -> str:
    """A row of the second table."""
    counts, labels = nuclei(edge)
    loops = [
        bare(name, counts, labels, torch.contiguous_format),
        bare(name, counts, labels),
        bare(name, counts, labels, mixed=True),
    ]
    times = [[seconds(loop) for loop in loops] for _ in range(rounds + 1)][1:]
    plain, last, mixed = (min(column) for column in zip(*times, strict=True))
    return f"| {name} | {edge} | {plain / last:.2f} | {last / mixed:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["densenet121", "ainu-small"])
    parser.add_argument("--edge", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args()
    make_deterministic(1)
    lines = [
        "# Training, beside a bare loop\n",
        f"One thread, batches of {BATCH}, {CHANNELS} channels; the best of {told.rounds} epochs of {NUCLEI} images, "
        f"in turn. Bar: at least {BAR} of the bare loop's images per second.\n",
        "| network | edge | bare, images/s | ours, images/s | ratio | whole epoch |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in told.networks:
            lines.append(compare(name, told.edge, told.rounds, Path(folder)))
            print(lines[-1], flush=True)
    lines += [
        "\n| network | edge | channels last, times as fast as first | bfloat16, times as fast as float32 |",
        "| --- | ---: | ---: | ---: |",
    ]
    print("\n".join(lines[-2:]), flush=True)
    for name in told.networks:
        lines.append(orders_and_precisions(name, told.edge, told.rounds))
        print(lines[-1], flush=True)
    if told.write:
        (HERE / "results.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
