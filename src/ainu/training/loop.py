"""The training loop."""

from __future__ import annotations

import copy
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from ainu.errors import AinuError
from ainu.images.views import Indices, Views
from ainu.prediction.pooling import logits_of
from ainu.training.batch_norm import prepare, recalibrate
from ainu.training.checkpoint import ResumeFile, stopping
from ainu.training.draws import Draws
from ainu.training.precision import arithmetic, mixed
from ainu.training.recipe import Recipe, Transfer
from ainu.training.transfer import parameter_groups

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}
"""The one-cycle schedule moves the momentum with the rate, between 0.85 and 0.95."""
CHECKS = 20
"""How often weights are judged in all steps."""
CALIBRATION_BATCHES = 8
"""Batches from which batch normalisation takes its statistics before weights are judged."""
SAVE_SECONDS = 45.0
"""How often the resume file is renewed."""
OF_CROPS, OF_DROPOUT = 1, 2
"""Keep draws of the same step apart, and from those of `draws`."""
AHEAD_BYTES = 4 * 2**20
"""Small batches are made ahead until they fill so much."""


@dataclass(frozen=True)
class Batch:
    """What a step takes: a seed for dropout, what the network sees of n nuclei, and their (n,) labels."""

    seed: int
    seen: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Trained:
    """What came out of a training.

    Attributes
    ----------
    weights : dict of str to Tensor
        Of the chosen check, on the CPU.
    step : int
        After how many steps that was.
    history : DataFrame
        One row per check.
    precision : str
        "float32" or "bfloat16" (mixed).
    seconds : float, optional
        Time of a step of this process; None where it took none.
    """

    weights: dict[str, Tensor]
    step: int
    history: pd.DataFrame
    precision: str
    seconds: float | None


def make_deterministic(threads: int) -> None:
    """The same weights from the same seed, on one kind of machine and number of threads.

    On a GPU, operations that have no deterministic kernel (pooling in 3-D) warn; `nondeterminism` collects that.

    Parameters
    ----------
    threads : int
        CPU threads of torch.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    torch.backends.cudnn.benchmark = False


@contextmanager
def nondeterminism() -> Iterator[list[str]]:
    """Collect what torch says of operations that have no deterministic kernel."""
    found: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    for warning in caught:
        if "determinis" in str(warning.message):
            found.append(str(warning.message).partition(".")[0])
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    found[:] = sorted(set(found))


def choose_device(name: str) -> torch.device:
    """`cpu`, `cuda`, or for `auto` a GPU where there is one."""
    return torch.device("cuda" if name == "auto" and torch.cuda.is_available() else name.replace("auto", "cpu"))


def train(
    network: nn.Module,
    inputs: Views,
    labels: NDArray[np.int64],
    rows: Indices,
    held_back: Indices,
    recipe: Recipe,
    device: torch.device,
    *,
    seed: int,
    transfer: Transfer,
    resume: ResumeFile | None = None,
) -> Trained:
    """Train a network; keep the weights of the check with the lowest validation loss.

    Parameters
    ----------
    network : Module
        Trained in place, from the weights that it has.
    inputs : Views
        Of N nuclei.
    labels : (N,) int64
        Index of the class of each.
    rows, held_back : (n,) int
        Nuclei to train on, and those that decide when to stop; where there are none of these, the last step is kept.
    recipe : Recipe
        How to train.
    device : torch.device
        Where to.
    seed : int
        What each step draws follows from it.
    transfer : Transfer
        Which weights move, and how fast.
    resume : ResumeFile, optional
        Written every minute, at the end, and before SIGTERM or SIGUSR1 ends the process (status 143 or 138); where
        there is one that fits, training goes on from it and gives the same weights as if it had never stopped.

    Returns
    -------
    Trained

    Raises
    ------
    SystemExit
        A signal ended the training; the status is 128 and the number of the signal.
    """
    run = Run(network.to(device), inputs, labels, rows, recipe, device, seed, transfer)
    if resume and (state := resume.load()):
        run.restore(state)
    begun, started, saved = run.step, time.perf_counter(), time.monotonic()
    bar = tqdm(total=recipe.steps, initial=run.step, desc="train", unit="step", file=sys.stderr, mininterval=2)
    with stopping() as stop, bar:
        while not run.over:
            for batch in run.batches():
                run.descend(batch)
                bar.update()
                if stop.signal:
                    if resume:
                        resume.save(run.state())
                    raise SystemExit(128 + stop.signal)
                if resume and time.monotonic() - saved > SAVE_SECONDS:
                    resume.save(run.state())
                    saved = time.monotonic()
            run.check(held_back)
        seconds = (time.perf_counter() - started) / (run.step - begun) if run.step > begun else None
        if resume and run.step > begun:
            resume.save(run.state())
        if stop.signal:
            raise SystemExit(128 + stop.signal)
    return Trained(run.best_weights, run.best_step, pd.DataFrame(run.history), run.precision, seconds)


class Run:
    """A training under way: everything that the next step depends on, so that it can be saved and restored."""

    def __init__(
        self,
        network: nn.Module,
        inputs: Views,
        labels: NDArray[np.int64],
        rows: Indices,
        recipe: Recipe,
        device: torch.device,
        seed: int,
        transfer: Transfer,
    ) -> None:
        self.network, self.inputs, self.recipe, self.device, self.seed = network, inputs, recipe, device, seed
        self.draws = Draws.of(rows, labels, seed, balanced=recipe.class_weights)
        self.labels = torch.as_tensor(labels, device=device)
        self.average = copy.deepcopy(network) if recipe.ema else None
        groups = parameter_groups(network, recipe.learning_rate, transfer)
        self.moving = [values for group in groups for values in group["params"]]
        self.optimizer = OPTIMIZERS[recipe.optimizer](groups, weight_decay=recipe.weight_decay, fused=True)
        rates = [group["lr"] for group in groups]
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, rates, total_steps=recipe.steps)
        self.loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        self.precision = arithmetic(recipe.precision, network, device)
        self.forward = faster(network, recipe, device)
        self.every = max(1, recipe.steps // CHECKS)
        prepare(network)
        self.step, self.losses = 0, list[Tensor]()
        self.history: list[dict[str, float]] = []
        self.best_step, self.best_weights = 0, dict[str, Tensor]()

    @property
    def over(self) -> bool:
        """Whether all steps are done and judged, or too many checks have passed without a better one."""
        patience_lost = self.best_step > 0 and self.step - self.best_step >= self.recipe.patience * self.every
        return not self.due and (self.step >= self.recipe.steps or patience_lost)

    @property
    def due(self) -> bool:
        """Whether the weights are to be judged before the next step: so they may be where a training was ended."""
        return bool(self.losses) and (self.step % self.every == 0 or self.step >= self.recipe.steps)

    def batches(self) -> Iterator[Batch]:
        """Those up to the next check, small ones made several at once.

        After a step the processor's caches hold nothing of what makes a batch; alone, a small one takes twice as long.

        Yields
        ------
        Batch
        """
        end = self.step if self.due else (self.step // self.every + 1) * self.every
        left = list(range(self.step, min(self.recipe.steps, end)))
        ahead = 1
        while left:
            made = [self.make(step) for step in left[:ahead]]
            left = left[ahead:]
            ahead = max(1, AHEAD_BYTES // made[0].seen.nbytes)
            yield from made

    def make(self, step: int) -> Batch:
        """The batch of a step: what each slot of it shows follows from seed, step and slot alone."""
        rows = self.draws.of_step(step, self.recipe.batch_size)
        rngs = [np.random.default_rng([self.seed, step, slot, OF_CROPS]) for slot in range(len(rows))]
        seed = int(np.random.default_rng([self.seed, step, 0, OF_DROPOUT]).integers(2**62))
        return Batch(seed, self.inputs.batch(rows, rngs), self.labels[torch.as_tensor(rows, device=self.device)])

    def descend(self, batch: Batch) -> None:
        """One step down the gradient."""
        seed_dropout(batch.seed, self.device)
        if not self.network.training:
            prepare(self.network)
        self.optimizer.zero_grad()
        with mixed(self.precision, self.device):
            loss = self.loss(self.forward(batch.seen.to(self.device)), batch.labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.moving, self.recipe.clip)
        self.optimizer.step()
        self.schedule.step()
        if self.average:
            follow(self.average, self.network, self.recipe.ema)
        self.losses.append(loss.detach())
        self.step += 1

    def check(self, held_back: Indices) -> None:
        """Judge the weights by nuclei `held_back` (n,), and keep them if they are the best so far.

        Parameters
        ----------
        held_back : (n,) int
            Rows of nuclei that are not trained on; none, and the last weights are kept.

        Raises
        ------
        AinuError
            The loss is not a number any more.
        """
        judged = self.average or self.network
        row = {
            "step": self.step,
            "learning_rate": self.optimizer.param_groups[-1]["lr"],
            "train_loss": float(torch.stack(self.losses).mean()),
        }
        if not math.isfinite(row["train_loss"]):
            raise AinuError(
                f"the training diverged by step {self.step} of {self.recipe.steps}: the loss is not a number any more; "
                f"a smaller training.learning_rate than {self.recipe.learning_rate} helps"
            )
        self.losses = []
        if len(held_back) or self.over:
            recalibrate(judged, (self.make(step).seen.to(self.device) for step in range(CALIBRATION_BATCHES)))
        self.history.append(row | self.validate(judged, held_back))
        best = min((past["validation_loss"] for past in self.history[:-1]), default=math.inf)
        if self.over if not len(held_back) else self.history[-1]["validation_loss"] < best:
            self.best_step, self.best_weights = self.step, snapshot(judged)

    def validate(self, network: nn.Module, held_back: Indices) -> dict[str, float]:
        """Loss and balanced accuracy on nuclei `held_back` (n,) that are not trained on; NaN where there are none."""
        if not len(held_back):
            return {"validation_loss": math.nan, "validation_balanced_accuracy": math.nan}
        logits = logits_of(network, self.inputs, held_back, self.device).float()
        labels = self.labels[torch.as_tensor(held_back, device=self.device)].cpu()
        counts = torch.bincount(labels, minlength=logits.shape[1]).clamp_min(1)
        weights = (1 / counts)[labels] if self.recipe.class_weights else torch.ones(len(labels))
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")
        right = logits.argmax(1) == labels
        recalls = [right[labels == code].float().mean() for code in labels.unique()]
        return {
            "validation_loss": float((losses * weights).sum() / weights.sum()),
            "validation_balanced_accuracy": float(torch.stack(recalls).mean()),
        }

    def state(self) -> dict[str, Any]:
        """Tensors and plain numbers from which `restore` makes the same run."""
        return {
            "network": snapshot(self.network),
            "average": snapshot(self.average) if self.average else {},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "precision": self.precision,
            "step": self.step,
            "losses": [loss.cpu() for loss in self.losses],
            "history": self.history,
            "best_step": self.best_step,
            "best_weights": self.best_weights,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.network.load_state_dict(state["network"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.precision = state["precision"]  # that of the machine on which the training began
        self.step = state["step"]
        self.losses = [loss.to(self.device) for loss in state["losses"]]
        self.history = state["history"]
        self.best_step, self.best_weights = state["best_step"], state["best_weights"]


def faster(network: nn.Module, recipe: Recipe, device: torch.device) -> nn.Module:
    """The network in the memory order that suits it, compiled if wanted, on all GPUs of the job.

    Parameters
    ----------
    network : Module
        Changed in place.
    recipe : Recipe
        Whether to compile it.
    device : torch.device
        Where it is trained.

    Returns
    -------
    Module
    """
    if any(isinstance(module, nn.Conv2d) for module in network.modules()):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if recipe.compile:
        return torch.compile(network)  # type: ignore[return-value]
    several = device.type == "cuda" and torch.cuda.device_count() > 1
    return nn.DataParallel(network) if several else network


def seed_dropout(seed: int, device: torch.device) -> None:
    """Seed what a step draws on its device (`torch.manual_seed` visits every kind of device, at each step)."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average of the weights towards the weights.

    Parameters
    ----------
    average, network : Module
        Of the same architecture; `average` is changed in place.
    decay : float
        How much of the average stays.
    """
    for own, new in zip(average.parameters(), network.parameters(), strict=True):
        own.lerp_(new, 1 - decay)
    for kept, seen in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(seen)


def snapshot(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights by name, each (...) on the CPU and in plain memory order."""
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
