"""Training one network on one fold."""

import copy
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from defaults import augmentation, transfer
from spots import CPU, clustered, inputs, recipe, spots, tiny, trained
from torch import nn

from ainu.errors import AinuError
from ainu.images.views import view_of
from ainu.networks.model import make_network, normalise
from ainu.networks.seen import DETAIL, Seen
from ainu.training.batch_norm import recalibrate
from ainu.training.checkpoint import ResumeFile
from ainu.training.cross_validation import flat
from ainu.training.draws import Draws
from ainu.training.loop import CHECKS, OPTIMIZERS, Run, Trained, train
from ainu.training.precision import arithmetic

START = {"seed": 1, "transfer": transfer()}


def run_of(**changes) -> Run:
    images, labels = spots(17)
    return Run(tiny(), inputs(images), labels, np.arange(17), recipe(**changes), CPU, 1, transfer())


def ends_alike(one: Run, other: Run) -> bool:
    """Whether the steps up to the next check give both the same weights."""
    for run in (one, other):
        for batch in run.batches():
            run.descend(batch)
    pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# --- draws ------------------------------------------------------------------------------------------------------------


def test_classes_are_drawn_in_turn_and_each_nucleus_of_a_class_once_per_pass():
    labels = np.array([0] * 9 + [1] * 3 + [0] * 5)
    rows = np.arange(12)
    draws = Draws.of(rows, labels, 1, balanced=True)
    drawn = np.concatenate([draws.of_step(step, 6) for step in range(9)])
    assert np.bincount(labels[drawn]).tolist() == [27, 27]
    rare, common = drawn[labels[drawn] == 1], drawn[labels[drawn] == 0]
    assert all(sorted(part.tolist()) == [9, 10, 11] for part in rare.reshape(9, 3))
    assert all(sorted(part.tolist()) == list(range(9)) for part in common.reshape(3, 9))
    assert len({tuple(part) for part in common.reshape(3, 9)}) == 3


def test_without_balance_every_nucleus_is_drawn_once_per_pass():
    rows = np.array([3, 5, 7, 11, 2])
    draws = Draws.of(rows, np.zeros(12, int), 1, balanced=False)
    drawn = np.concatenate([draws.of_step(step, 2) for step in range(10)])
    assert all(sorted(part.tolist()) == sorted(rows.tolist()) for part in drawn.reshape(4, 5))


def test_what_a_step_draws_follows_from_seed_and_step_alone():
    rows, labels = np.arange(20), np.arange(20) % 3
    one, other = (Draws.of(rows, labels, 1, balanced=True) for _ in range(2))
    forwards = [one.of_step(step, 7).tolist() for step in range(12)]
    assert [other.of_step(step, 7).tolist() for step in reversed(range(12))] == forwards[::-1]
    assert [Draws.of(rows, labels, 2, balanced=True).of_step(step, 7).tolist() for step in range(12)] != forwards


def test_crops_dropout_and_orders_are_drawn_by_generators_of_their_own():
    run = run_of()
    kinds = [run.make(0).seen, run.make(1).seen]
    assert run.make(0).seed != run.make(1).seed
    assert not torch.equal(*kinds)
    first = np.random.default_rng([1, 0, 0, 0]).permutation(9)
    assert np.array_equal(first, np.random.default_rng([1, 0, 0]).permutation(9))  # why they need numbers of their own
    order = Draws.of(np.arange(9), np.zeros(9, int), 1, balanced=False).of_step(0, 9)
    assert not np.array_equal(order, first)


# --- steps ------------------------------------------------------------------------------------------------------------


def test_recalibration_sets_the_statistics_of_what_the_network_is_shown():
    images, _ = spots(32)
    network = nn.Sequential(nn.BatchNorm2d(1))
    seen = torch.cat([inputs(images).tiles(row).seen for row in range(32)])
    recalibrate(network, seen.split(8))
    assert network[0].running_mean.item() == pytest.approx(seen.mean().item(), rel=1e-4)
    assert network[0].momentum == 0.1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_and_goes_on_from_a_saved_state(optimizer):
    wanted = {"optimizer": optimizer, "steps": 100, "learning_rate": 0.5 if optimizer == "sgd" else 0.05}
    _, whole = trained(**wanted)
    assert whole.history["train_loss"].iloc[-1] < 0.5 * whole.history["train_loss"].iloc[0]
    first, second = run_of(**wanted), run_of(**wanted)
    batches = first.batches()
    first.descend(next(batches))
    second.restore(copy.deepcopy(first.state()))
    assert ends_alike(first, second)


def test_batches_made_ahead_are_those_made_alone(monkeypatch):
    ahead = list(run_of(steps=100).batches())
    monkeypatch.setattr("ainu.training.loop.AHEAD_BYTES", 0)
    alone = list(run_of(steps=100).batches())
    assert len(ahead) == len(alone) == 5
    for a, b in zip(ahead, alone, strict=True):
        assert a.seed == b.seed
        assert torch.equal(a.seen, b.seen)
        assert torch.equal(a.labels, b.labels)


def test_gradients_are_clipped():
    run = run_of(clip=1e-9, weight_decay=0.0)
    before = [values.clone() for values in run.network.parameters()]
    run.optimizer = torch.optim.SGD(run.network.parameters(), lr=1.0)
    run.schedule = torch.optim.lr_scheduler.ConstantLR(run.optimizer, 1.0)
    run.descend(next(run.batches()))
    assert all(torch.allclose(a, b, atol=1e-8) for a, b in zip(before, run.network.parameters(), strict=True))


def test_the_moving_average_lags_behind_the_weights_and_is_what_is_kept():
    _, plain = trained(steps=15)
    _, averaged = trained(steps=15, ema=0.9)
    start = tiny().state_dict()["0.weight"]
    far = [(done.weights["0.weight"] - start).norm() for done in (plain, averaged)]
    assert 0 < far[1] < far[0]


def test_smoothed_labels_make_the_network_less_sure():
    sure, unsure = trained(steps=100)[0], trained(steps=100, label_smoothing=0.3)[0]
    images = normalise(spots()[0])
    with torch.inference_mode():
        most = [network(images).softmax(1).amax(1).mean() for network in (sure, unsure)]
    assert most[1] < most[0]


def test_mixed_precision_learns_as_well():
    _, done = trained(precision="bfloat16")
    assert done.history["validation_balanced_accuracy"].max() > 0.9
    assert done.weights["0.weight"].dtype == torch.float32


def test_mixed_precision_is_chosen_where_the_processor_computes_in_it_unless_convolutions_are_depthwise():
    flags = set(Path("/proc/cpuinfo").read_text().split())
    able = "bfloat16" if flags & {"avx512_bf16", "amx_bf16"} else "float32"
    depthwise = nn.Sequential(nn.Conv2d(2, 2, 3, groups=2))
    assert arithmetic("auto", tiny(), CPU) == able
    assert arithmetic("auto", depthwise, CPU) == "float32"
    assert arithmetic("bfloat16", depthwise, CPU) == "bfloat16"
    assert arithmetic("float32", tiny(), CPU) == "float32"


def test_in_three_dimensions_a_cpu_computes_in_float32_since_its_other_gradients_are_wrong():
    volumes = nn.Sequential(nn.Conv3d(1, 2, 3), nn.ReLU())
    assert arithmetic("auto", volumes, CPU) == "float32"
    with pytest.raises(AinuError, match=r"precision: bfloat16 .* three dimensions .* allowed there: auto, float32"):
        arithmetic("bfloat16", volumes, CPU)


def test_a_training_that_diverges_is_ended_with_a_message_that_names_the_learning_rate():
    with pytest.raises(AinuError, match=r"diverged by step \d+ of \d+.*training\.learning_rate than 1e\+38"):
        trained(optimizer="sgd", learning_rate=1e38, precision="float32")


@pytest.mark.parametrize("began", ["float32", "bfloat16"])
def test_a_training_that_goes_on_elsewhere_keeps_its_precision(began):
    one, other = run_of(precision=began), run_of(precision="bfloat16" if began == "float32" else "float32")
    other.restore(copy.deepcopy(one.state()))
    assert ends_alike(one, other)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch compiles for the CPU with g++")
def test_a_compiled_network_learns_as_well_and_keeps_the_names_of_its_weights():
    network, done = trained(compile=True)
    assert done.history["validation_balanced_accuracy"].max() > 0.9
    assert set(done.weights) == set(network.state_dict())


class StopsAt:
    """Asks the process to end, by a real signal, when so many batches have been made."""

    def __init__(self, inputs, batches: int, number: int) -> None:
        self.inputs, self.left, self.number = inputs, batches, number

    def batch(self, rows, rngs):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)
        return self.inputs.batch(rows, rngs)

    def tiles(self, row, rng=None):
        return self.inputs.tiles(row, rng)


def the_same(one: Trained, other: Trained) -> bool:
    weights = all(torch.equal(one.weights[name], other.weights[name]) for name in other.weights)
    return weights and one.weights.keys() == other.weights.keys() and one.history.equals(other.history)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
@pytest.mark.parametrize("batches", [1, 8, 9, 13, 25, 30])
@pytest.mark.parametrize("held_back", [0, 12])
def test_a_signal_ends_training_and_the_next_attempt_gives_the_same_weights(
    tmp_path, number, status, batches, held_back
):
    images, labels = spots()
    rows = np.arange(48)
    given = (labels, rows[:36], rows[36 : 36 + held_back], recipe(ema=0.9, steps=25, patience=99), CPU)
    undisturbed = train(tiny(), inputs(images), *given, **START)
    resume = ResumeFile(tmp_path / "resume.pt", {"seed": 1})
    with pytest.raises(SystemExit) as end:
        train(tiny(), StopsAt(inputs(images), batches, number), *given, **START, resume=resume)
    assert end.value.code == status
    assert the_same(train(tiny(seed=5), inputs(images), *given, **START, resume=resume), undisturbed)


class KilledError(Exception):
    """What ends a training at once."""


@pytest.mark.parametrize("held_back", [0, 12])
def test_a_training_saved_after_any_step_goes_on_to_the_same_weights(tmp_path, monkeypatch, held_back):
    """At the steps before a check, and the last one, too."""
    images, labels = spots()
    rows = np.arange(48)
    settings = recipe(steps=44, patience=99)
    given = (labels, rows[:36], rows[36 : 36 + held_back], settings, CPU)
    undisturbed = train(tiny(), inputs(images), *given, **START)
    assert len(undisturbed.history) == 22
    monkeypatch.setattr("ainu.training.loop.SAVE_SECONDS", -1.0)
    whole = ResumeFile.save
    for last in (1, 2, 42, 43, 44):

        def save(self, state, last=last):
            whole(self, state)
            if state["step"] == last:
                raise KilledError

        resume = ResumeFile(tmp_path / f"{last}.pt", {"seed": 1})
        with monkeypatch.context() as patch:
            patch.setattr(ResumeFile, "save", save)
            with pytest.raises(KilledError):
                train(tiny(), inputs(images), *given, **START, resume=resume)
        assert the_same(train(tiny(seed=5), inputs(images), *given, **START, resume=resume), undisturbed)


def test_a_finished_training_is_not_trained_again(tmp_path):
    images, labels = spots(16)
    resume = ResumeFile(tmp_path / "resume.pt", {"seed": 1})
    given = (labels, np.arange(16), np.zeros(0, np.intp), recipe(steps=5), CPU)
    done = train(tiny(), inputs(images), *given, **START, resume=resume)
    again = train(tiny(), None, *given, **START, resume=resume)
    assert the_same(again, done)
    assert again.seconds is None


TRAIN_IN_A_PROCESS = """
import sys, time
import numpy as np
import torch
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from defaults import transfer
from spots import CPU, inputs, recipe, spots, tiny
from ainu.training.checkpoint import ResumeFile
from ainu.training.loop import make_deterministic, train
make_deterministic(1)
class Slow:
    def __init__(self, inputs): self.inputs = inputs
    def batch(self, rows, rngs):
        time.sleep(0.002)
        return self.inputs.batch(rows, rngs)
    def tiles(self, row, rng=None): return self.inputs.tiles(row, rng)
images, labels = spots()
rows, folder = np.arange(48), Path(sys.argv[2])
print("ready", flush=True)
resume = ResumeFile(folder / "resume.pt", {"seed": 1})
settings, START = recipe(steps=100, patience=99), {"seed": 1, "transfer": transfer()}
done = train(tiny(), Slow(inputs(images)), labels, rows[:36], rows[36:], settings, CPU, **START, resume=resume)
torch.save(done.weights, folder / "weights.pt")
done.history.to_csv(folder / "history.tsv", sep="\t", index=False)
resume.path.unlink()
"""


def train_in_a_process(folder: Path, kill_after_s: float | None = None) -> int:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", TRAIN_IN_A_PROCESS, str(Path(__file__).parents[1]), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            process.kill()
        return process.wait()


@pytest.mark.slow
def test_killed_at_random_moments_training_ends_with_the_same_files(tmp_path):
    assert train_in_a_process(tmp_path / "calm") == 0
    moments = np.random.default_rng(4).uniform(0.05, 0.6, 4)
    killed = [train_in_a_process(tmp_path / "wild", moment) for moment in moments]
    assert -signal.SIGKILL in killed
    assert train_in_a_process(tmp_path / "wild") == 0
    for name in ("weights.pt", "history.tsv"):
        assert (tmp_path / "calm" / name).read_bytes() == (tmp_path / "wild" / name).read_bytes()
    assert not (tmp_path / "wild" / "resume.pt").exists()


def test_a_resume_file_of_other_settings_is_rejected_with_a_message(tmp_path, capsys):
    old = ResumeFile(tmp_path / "resume.pt", flat({"training": {"learning_rate": 0.001}, "seed": 1}))
    old.save({"step": 3})
    new = ResumeFile(tmp_path / "resume.pt", flat({"training": {"learning_rate": 0.01}, "seed": 1}))
    assert new.load() is None
    message = capsys.readouterr().err
    assert "made for other settings: training.learning_rate was 0.001, is 0.01; training starts anew" in message
    assert old.load() == {"step": 3}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense", b"x" * 1000])
def test_a_damaged_resume_file_is_rejected_with_a_message(tmp_path, capsys, content):
    (tmp_path / "resume.pt").write_bytes(content)
    assert ResumeFile(tmp_path / "resume.pt", {}).load() is None
    assert "cannot be read" in capsys.readouterr().err


def test_a_resume_file_never_runs_code(tmp_path):
    torch.save({"made_for": {}, "state": Path("/")}, tmp_path / "resume.pt")
    assert ResumeFile(tmp_path / "resume.pt", {}).load() is None


def test_training_learns_a_spot_and_keeps_the_best_check():
    _, done = trained()
    history = done.history
    best = history["validation_loss"].idxmin()
    assert history["validation_balanced_accuracy"][best] > 0.9
    assert history["step"][best] == done.step


@pytest.mark.parametrize(("steps", "checks"), [(40, 20), (7, 7), (310, 21), (1, 1)])
def test_weights_are_judged_some_twenty_times_and_after_the_last_step(steps, checks):
    _, done = trained(steps=steps, patience=99)
    assert len(done.history) == checks
    assert done.history["step"].iloc[-1] == steps
    assert abs(checks - CHECKS) <= 1 or steps < CHECKS


def test_the_same_seed_gives_the_same_weights():
    (_, a), (_, b), (_, c) = trained(), trained(), trained(seed=2)
    assert the_same(a, b)
    assert any(not torch.equal(a.weights[name], c.weights[name]) for name in a.weights)


def test_training_stops_when_validation_no_longer_improves():
    _, done = trained(steps=300, patience=2, learning_rate=0.2)
    assert len(done.history) < 20
    assert done.history["step"].iloc[-1] == done.step + 2 * 15


def test_without_validation_the_last_step_is_kept():
    images, labels = spots(16)
    nobody = np.zeros(0, np.intp)
    done = train(tiny(), inputs(images), labels, np.arange(16), nobody, recipe(steps=15, patience=1), CPU, **START)
    assert done.step == 15
    assert len(done.history) == 15
    assert math.isnan(done.history["validation_loss"].iloc[-1])


def test_a_rare_class_decides_the_validation_loss_as_much_as_a_frequent_one():
    images, _ = spots(17)
    labels = np.array([0] * 16 + [1])
    network = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].bias.copy_(torch.tensor([3.0, 0.0]))
    losses = {}
    for balanced in (True, False):
        settings = recipe(class_weights=balanced)
        run = Run(network, inputs(images), labels, np.arange(17), settings, CPU, 1, transfer())
        found = run.validate(network, np.arange(17))
        assert found["validation_balanced_accuracy"] == 0.5
        losses[balanced] = found["validation_loss"]
    right, wrong = np.log1p(np.exp(-3)), np.log1p(np.exp(3))
    assert losses[True] == pytest.approx((right + wrong) / 2, rel=1e-4)
    assert losses[False] == pytest.approx((16 * right + wrong) / 17, rel=1e-4)


def test_a_network_learns_from_crops_what_whole_images_of_100_nm_do_not_show():
    data = clustered(24)
    labels, rows = data.codes(["dim", "bright"]), np.arange(24)
    detail = Seen(DETAIL, (32, 32), 20.0)
    network = make_network("ainu-small", 1, 2, detail.shape, seed=1)
    crops = view_of(data, detail, "share", augmentation())
    settings = recipe(steps=40, learning_rate=0.005)
    done = train(network, crops, labels, rows[:16], rows[16:], settings, CPU, **START)
    assert done.history["validation_balanced_accuracy"].iloc[-1] == 1
