"""Views per second of the training loop beside a bare forward-backward-step loop with the same views made in advance.

    python benchmarks/training/run.py [--networks ainu-small densenet121] [--device cpu] [--rounds 5] [--write]

Simulated nuclei of some thirty thousand localizations, seen as the pipeline's defaults show them: crops of the detail
and whole nuclei as context. The bare loop has its views ready in memory and does nothing but forward, loss, backward
and step. Ours draws class, nucleus, place and angle, cuts, turns and bins localizations anew for every view, clips
gradients and follows the one-cycle rate. Both compute in the same precision.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE.parent / "nanoscale")]

from sets import SETS_TUNE  # noqa: E402
from views import dataset_of, design_of  # noqa: E402

from ainu.images.dataset import Dataset  # noqa: E402
from ainu.images.views import view_of  # noqa: E402
from ainu.networks.model import make_network  # noqa: E402
from ainu.networks.seen import CONTEXT, Seen  # noqa: E402
from ainu.training.loop import Run, make_deterministic  # noqa: E402
from ainu.training.precision import mixed  # noqa: E402

BAR = 0.9
STEPS = 20
"""Steps that are timed at a time."""


def views_seen(dataset: Dataset) -> list[Seen]:
    """What the default views see of these nuclei."""
    views = design_of([]).views
    assert views is not None
    assert views.detail is not None
    return [views.detail.seen(2), Seen(CONTEXT, dataset.image.shape[2:], dataset.voxel_size_nm)]


def ours(name: str, seen: Seen, dataset: Dataset, device: torch.device) -> Run:
    """A training that does not end."""
    design = design_of(["training.steps=100000"])
    network = make_network(name, 2, 2, seen.shape, seed=1).to(device)
    inputs = view_of(dataset, seen, design.intensity, design.augmentation)
    rows = np.arange(len(dataset))
    return Run(network, inputs, dataset.codes(design.classes), rows, design.training, device, 1, design.transfer)


def bare(name: str, seen: Seen, run: Run, device: torch.device) -> Callable[[], None]:
    """Steps on views that were made before, in the same precision."""
    network = make_network(name, 2, 2, seen.shape, seed=1).to(device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = [run.make(step) for step in range(STEPS)]
    ready = [(batch.seen.to(device), batch.labels) for batch in batches]
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.AdamW(network.parameters(), 1e-3, fused=True)

    def steps() -> None:
        network.train()
        for seen_then, labels in ready:
            optimizer.zero_grad()
            with mixed(run.precision, device):
                judged = loss(network(seen_then), labels)
            judged.backward()
            optimizer.step()

    return steps


@contextmanager
def timed(device: torch.device, found: list[tuple[float, float]]) -> Iterator[None]:
    """Add wall and CPU seconds of what is inside."""
    started = time.perf_counter(), time.process_time()
    yield
    if device.type == "cuda":
        torch.cuda.synchronize()
    found.append((time.perf_counter() - started[0], time.process_time() - started[1]))


def compare(name: str, seen: Seen, dataset: Dataset, rounds: int, device: torch.device) -> str:
    """A row of the table: the best of all rounds, ours and bare in turn."""
    run = ours(name, seen, dataset, device)
    plain, size = bare(name, seen, run, device), run.recipe.batch_size
    bare_times: list[tuple[float, float]] = []
    our_times: list[tuple[float, float]] = []
    for _ in range(rounds + 1):
        with timed(device, bare_times):
            plain()
        with timed(device, our_times):
            for step in range(run.step, run.step + STEPS):
                run.descend(run.make(step))
    wall = [min(own[0] for own in times[1:]) for times in (bare_times, our_times)]
    work = [min(own[1] for own in times[1:]) for times in (bare_times, our_times)]
    ratio = work[0] / work[1] if device.type == "cpu" else wall[0] / wall[1]
    speeds = " | ".join(f"{STEPS * size / seconds:.1f}" for seconds in wall)
    verdict = "met" if ratio >= BAR else "**missed**"
    return f"| {name} | {seen.view} | {run.precision} | {speeds} | {ratio:.2f} ({verdict}) | {work[1] / STEPS:.3f} |"


def main() -> None:
    """Measure, print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["ainu-small", "densenet121"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args()
    make_deterministic(1)
    device = torch.device(told.device)
    dataset = dataset_of(replace(SETS_TUNE[3], nuclei_per_class=12), 200.0)
    lines = [
        "# Training, beside a bare loop\n",
        f"{date.today()}, {torch.cuda.get_device_name() if device.type == 'cuda' else 'one CPU thread'}; the best of "
        f"{told.rounds} times {STEPS} steps of 16 views, in turn. Bar: at least {BAR} of the bare loop's views per "
        "second, by CPU time on a CPU.\n",
        "| network | view | precision | bare, views/s | ours, views/s | ratio | CPU s per step |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    print("\n".join(lines), flush=True)
    for name in told.networks:
        for seen in views_seen(dataset):
            lines.append(compare(name, seen, dataset, told.rounds, device))
            print(lines[-1], flush=True)
    if told.write:
        (HERE / "results.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
