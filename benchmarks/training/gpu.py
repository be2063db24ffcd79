"""Training of the default views on one GPU: see gpu.sh."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date

import torch
from run import HERE, ours, views_seen
from torch import Tensor

sys.path[:0] = [str(HERE.parent / "nanoscale")]

from dataclasses import replace  # noqa: E402

from sets import SETS_TUNE  # noqa: E402
from views import dataset_of, design_of  # noqa: E402

from ainu.images.dataset import Dataset  # noqa: E402
from ainu.images.views import view_of  # noqa: E402
from ainu.networks.model import make_network  # noqa: E402
from ainu.networks.seen import Seen  # noqa: E402
from ainu.training.loop import Run, make_deterministic, nondeterminism  # noqa: E402

CASES = {
    "float32": ["training.precision=float32"],
    "bfloat16": ["training.precision=bfloat16"],
    "bfloat16, compiled": ["training.precision=bfloat16", "training.compile=true"],
    "bfloat16, batch 64": ["training.precision=bfloat16", "training.batch_size=64"],
    "bfloat16, batch 256": ["training.precision=bfloat16", "training.batch_size=256"],
}


def run_of(name: str, seen: Seen, dataset: Dataset, changes: list[str]) -> Run:
    """A training on the GPU that does not end."""
    design, device = design_of(["training.steps=100000", *changes]), torch.device("cuda")
    network = make_network(name, 2, 2, seen.shape, seed=1).to(device)
    inputs = view_of(dataset, seen, design.intensity, design.augmentation)
    rows, codes = torch.arange(len(dataset)).numpy(), dataset.codes(design.classes)
    return Run(network, inputs, codes, rows, design.training, device, 1, design.transfer)


def speed(run: Run, steps: int = 40) -> float:
    """Views per second, after a warm-up of 5 steps."""
    for step in range(5):
        run.descend(run.make(step))
    torch.cuda.synchronize()
    started = time.perf_counter()
    for step in range(5, 5 + steps):
        run.descend(run.make(step))
    torch.cuda.synchronize()
    return steps * run.recipe.batch_size / (time.perf_counter() - started)


def twice_the_same(name: str, seen: Seen, dataset: Dataset) -> str:
    """Whether two trainings of ten steps give the same weights."""

    def weights() -> dict[str, Tensor]:
        run = ours(name, seen, dataset, torch.device("cuda"))
        for step in range(10):
            run.descend(run.make(step))
        return {key: value.detach().cpu() for key, value in run.network.state_dict().items()}

    with nondeterminism() as warned:
        one, other = weights(), weights()
    same = all(torch.equal(value, other[key]) for key, value in one.items())
    return ("same weights twice" if same else "**weights differ**") + (f" ({'; '.join(warned)})" if warned else "")


def main() -> None:
    """Measure, print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=["ainu-small", "densenet121"])
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no GPU here; benchmarks/training/gpu.md stays as it is")
    make_deterministic(4)
    dataset = dataset_of(replace(SETS_TUNE[3], nuclei_per_class=12), 200.0)
    cards = torch.cuda.device_count()
    lines = [
        "# Training on a GPU\n",
        f"{torch.cuda.get_device_name()} ({cards} in all, by DataParallel where several), {date.today()}, torch "
        f"{torch.__version__}; views per second.\n",
        "| network | view | " + " | ".join(CASES) + " | determinism |",
        "| --- | --- |" + " ---: |" * len(CASES) + " --- |",
    ]
    for name in told.networks:
        for seen in views_seen(dataset):
            speeds = [f"{speed(run_of(name, seen, dataset, changes)):.0f}" for changes in CASES.values()]
            same = twice_the_same(name, seen, dataset)
            lines.append(f"| {name} | {seen.view} | {' | '.join(speeds)} | {same} |")
            print(lines[-1], flush=True)
    if told.write:
        (HERE / "gpu.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
