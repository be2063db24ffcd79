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
from defaults import transfer
from spots import CPU, inputs, recipe, spots, tiny, trained
from torch import nn

from ainu.training.batch_norm import recalibrate
from ainu.training.checkpoint import ResumeFile
from ainu.training.cross_validation import flat
from ainu.training.loop import OPTIMIZERS, Run, class_weights, seen_by, train
from ainu.training.precision import arithmetic

START = {"seed": 1, "transfer": transfer()}


def run_of(**changes) -> Run:
    images, labels = spots(17)
    return Run(tiny(), inputs(images), labels, np.arange(17), recipe(**changes), CPU, 1, transfer())


def ends_alike(one: Run, other: Run) -> bool:
    """Whether what is left of the epoch gives both the same weights."""
    for run in (one, other):
        for batch in run.batches():
            run.step(batch)
    pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_every_epoch_sees_each_nucleus_once_in_another_order_and_no_batch_holds_one():
    run = run_of()
    seen = [run.batches_of(epoch) for epoch in range(3)]
    assert min(len(batch) for epoch in seen for batch in epoch) > 1
    orders = [np.concatenate(epoch).tolist() for epoch in seen]
    assert all(sorted(order) == list(range(17)) for order in orders)
    assert orders[0] != orders[1]


def test_recalibration_sets_the_statistics_of_the_training_images():
    images, _ = spots(32)
    network = nn.Sequential(nn.BatchNorm2d(1))
    recalibrate(network, seen_by(inputs(images), np.arange(32), 8, CPU))
    seen = inputs(images).batch(np.arange(32))
    assert network[0].running_mean.item() == pytest.approx(seen.mean().item(), rel=1e-4)
    assert network[0].momentum == 0.1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_and_goes_on_from_a_saved_state(optimizer):
    wanted = {"optimizer": optimizer, "epochs": 20, "learning_rate": 0.5 if optimizer == "sgd" else 0.05}
    _, whole = trained(**wanted)
    assert whole.history["train_loss"].iloc[-1] < 0.5 * whole.history["train_loss"].iloc[0]
    first, second = run_of(**wanted), run_of(**wanted)
    batches = first.batches()
    first.step(next(batches))
    second.restore(copy.deepcopy(first.state()))
    assert ends_alike(first, second)


def test_batches_made_ahead_are_those_made_alone(monkeypatch):
    ahead = list(run_of().batches())
    monkeypatch.setattr("ainu.training.loop.AHEAD_BYTES", 0)
    alone = list(run_of().batches())
    assert len(ahead) == len(alone) == 3
    for a, b in zip(ahead, alone, strict=True):
        assert a.seed == b.seed
        assert torch.equal(a.seen, b.seen)
        assert torch.equal(a.labels, b.labels)


def test_gradients_are_clipped():
    run = run_of(clip=1e-9, weight_decay=0.0)
    before = [values.clone() for values in run.network.parameters()]
    run.optimizer = torch.optim.SGD(run.network.parameters(), lr=1.0)
    run.schedule = torch.optim.lr_scheduler.ConstantLR(run.optimizer, 1.0)
    run.step(next(run.batches()))
    assert all(torch.allclose(a, b, atol=1e-8) for a, b in zip(before, run.network.parameters(), strict=True))


def test_the_moving_average_lags_behind_the_weights_and_is_what_is_kept():
    _, plain = trained(epochs=3)
    _, averaged = trained(epochs=3, ema=0.9)
    start = tiny().state_dict()["0.weight"]
    far = [(done.weights["0.weight"] - start).norm() for done in (plain, averaged)]
    assert 0 < far[1] < far[0]


def test_smoothed_labels_make_the_network_less_sure():
    sure, unsure = trained(epochs=20)[0], trained(epochs=20, label_smoothing=0.3)[0]
    images = inputs(spots()[0]).batch(np.arange(48))
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

    def batch(self, rows, rng=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)
        return self.inputs.batch(rows, rng)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
@pytest.mark.parametrize("batches", [1, 8, 9, 13, 30])
def test_a_signal_ends_training_and_the_next_attempt_gives_the_same_weights(tmp_path, number, status, batches):
    images, labels = spots()
    rows = np.arange(48)
    settings = recipe(ema=0.9, epochs=5)
    undisturbed = train(tiny(), inputs(images), labels, rows[:36], rows[36:], settings, CPU, **START)
    resume = ResumeFile(tmp_path / "resume.pt", {"seed": 1})
    disturbed = StopsAt(inputs(images), batches, number)
    with pytest.raises(SystemExit) as end:
        train(tiny(), disturbed, labels, rows[:36], rows[36:], settings, CPU, **START, resume=resume)
    assert end.value.code == status
    again = train(
        tiny(seed=5),
        inputs(images),
        labels,
        rows[:36],
        rows[36:],
        settings,
        CPU,
        seed=1,
        transfer=transfer(),
        resume=resume,
    )
    assert again.history.equals(undisturbed.history)
    assert all(torch.equal(again.weights[name], undisturbed.weights[name]) for name in undisturbed.weights)


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
    def batch(self, rows, rng=None):
        time.sleep(0.002)
        return self.inputs.batch(rows, rng)
images, labels = spots()
rows, folder = np.arange(48), Path(sys.argv[2])
print("ready", flush=True)
resume = ResumeFile(folder / "resume.pt", {"seed": 1})
settings, START = recipe(epochs=40, patience=99), {"seed": 1, "transfer": transfer()}
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
    old.save({"epoch": 3})
    new = ResumeFile(tmp_path / "resume.pt", flat({"training": {"learning_rate": 0.01}, "seed": 1}))
    assert new.load() is None
    message = capsys.readouterr().err
    assert "made for other settings: training.learning_rate was 0.001, is 0.01; training starts anew" in message
    assert old.load() == {"epoch": 3}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense", b"x" * 1000])
def test_a_damaged_resume_file_is_rejected_with_a_message(tmp_path, capsys, content):
    (tmp_path / "resume.pt").write_bytes(content)
    assert ResumeFile(tmp_path / "resume.pt", {}).load() is None
    assert "cannot be read" in capsys.readouterr().err


def test_a_resume_file_never_runs_code(tmp_path):
    torch.save({"made_for": {}, "state": Path("/")}, tmp_path / "resume.pt")
    assert ResumeFile(tmp_path / "resume.pt", {}).load() is None


def test_training_learns_a_spot_and_keeps_the_best_epoch():
    _, done = trained()
    history = done.history
    assert history["validation_balanced_accuracy"].iloc[done.epoch - 1] > 0.9
    assert history["validation_loss"].idxmin() == done.epoch - 1


def test_the_same_seed_gives_the_same_weights():
    (_, a), (_, b), (_, c) = trained(), trained(), trained(seed=2)
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
    assert any(not torch.equal(a.weights[name], c.weights[name]) for name in a.weights)


def test_training_stops_when_validation_no_longer_improves():
    _, done = trained(epochs=60, patience=2, learning_rate=0.2)
    assert len(done.history) < 60
    assert len(done.history) == done.epoch + 2


def test_without_validation_the_last_epoch_is_kept():
    images, labels = spots(16)
    nobody = np.zeros(0, np.intp)
    done = train(tiny(), inputs(images), labels, np.arange(16), nobody, recipe(epochs=3), CPU, **START)
    assert done.epoch == 3
    assert math.isnan(done.history["validation_loss"].iloc[-1])


def test_rare_classes_weigh_more():
    weights = class_weights(torch.tensor([0, 0, 0, 1]))
    assert weights[1] == 3 * weights[0]
