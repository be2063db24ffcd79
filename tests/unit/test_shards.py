"""One job per shard, parallel over its samples; a sample that fails costs itself alone."""

import errno
import os
import signal
import subprocess
from functools import partial

import h5py
import numpy as np
import pytest

from ainu import AinuError
from ainu.errors import BrokenFileError
from ainu.failures import SampleFailure, open_sample
from ainu.hdf5 import write_array
from ainu.shards import failures_in, write_shard

SAMPLES = [f"s{k}" for k in range(7)]


def fill_all(sample, group):
    write_array(group, "x", np.full(100, int(sample[1:])))
    group.attrs["name"] = sample


def fail(sample, group):
    """Samples that fail half way, each in another manner."""
    fill_all(sample, group)
    if sample == "s2":
        raise AinuError("nothing in s2.bin")
    if sample == "s3":
        raise ValueError("zero-size array")
    if sample == "s4":
        raise MemoryError("4 TiB are too much")
    if sample == "s5":
        os.kill(os.getpid(), signal.SIGKILL)


WHY = {
    "s2": "stage: nothing in s2.bin",
    "s3": "stage: ValueError: zero-size array",
    "s4": "stage: memory ran out; give the job more (mem_mb). 4 TiB are too much",
    "s5": "stage: its process was killed, by too little memory (mem_mb) or a crash",
}


def contents(path):
    with h5py.File(path) as file:
        return {name: (group["x"][()].tobytes(), dict(group.attrs)) for name, group in file.items() if len(group)}


@pytest.mark.parametrize("threads", [1, 3])
def test_every_sample_becomes_a_group(tmp_path, threads):
    write_shard(tmp_path / "a.h5", SAMPLES, fill_all, threads=threads)
    with h5py.File(tmp_path / "a.h5") as file:
        assert {sample: int(file[sample]["x"][0]) for sample in SAMPLES} == {f"s{k}": k for k in range(7)}


def test_the_bytes_do_not_depend_on_the_number_of_processes(tmp_path):
    for threads in (1, 2, 4):
        write_shard(tmp_path / f"{threads}.h5", SAMPLES, fill_all, threads=threads)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_a_sample_that_fails_in_whatever_manner_costs_itself_alone(tmp_path, threads, capfd):
    write_shard(tmp_path / "a.h5", SAMPLES, fail, threads=threads, title="stage")
    write_shard(tmp_path / "good.h5", [name for name in SAMPLES if name not in WHY], fill_all)
    assert contents(tmp_path / "a.h5") == contents(tmp_path / "good.h5")
    assert {name: [str(why) for why in whys] for name, whys in failures_in([tmp_path / "a.h5"]).items()} == {
        name: [why] for name, why in WHY.items()
    }
    told = capfd.readouterr().err
    assert "ainu: 4 of 7 samples failed\n  s2: nothing in s2.bin\n  s3: ValueError: zero-size array\n  s4: mem" in told
    assert "Traceback" in told  # of the unexpected one
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "good.h5"]


def test_the_bytes_of_a_shard_with_failures_do_not_depend_on_the_number_of_processes(tmp_path):
    for threads in (1, 3):
        write_shard(tmp_path / f"{threads}.h5", SAMPLES, fail, threads=threads, title="stage")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def take_on(first, sample, group):
    with open_sample(first, sample) as found:
        write_array(group, "x", found["x"][()])


def test_later_stages_leave_a_sample_out_for_the_reason_of_the_first(tmp_path, capfd):
    write_shard(tmp_path / "first.h5", SAMPLES, fail, threads=3, title="stage")
    capfd.readouterr()
    write_shard(tmp_path / "second.h5", SAMPLES, partial(take_on, tmp_path / "first.h5"), title="another")
    assert {
        name: str(why) for name, [why] in failures_in([tmp_path / "first.h5", tmp_path / "second.h5"]).items()
    } == WHY
    assert "failed" not in capfd.readouterr().err
    with pytest.raises(SampleFailure, match="stage: nothing in s2"), open_sample(tmp_path / "second.h5", "s2"):
        pass


def fail_always(sample, group):
    raise AinuError("a render in 3 dimensions needs z")


def test_that_all_fail_is_a_mistake_of_the_settings_and_stops_the_job(tmp_path):
    with pytest.raises(AinuError, match=r"2 of 2 samples failed\n  s1: a render .*\n  s2: a render "):
        write_shard(tmp_path / "a.h5", ["s1", "s2"], fail_always, title="stage")
    assert list(tmp_path.iterdir()) == []


def test_the_only_sample_of_a_shard_may_fail_alone(tmp_path):
    write_shard(tmp_path / "a.h5", ["s1"], fail_always, title="stage")
    assert list(failures_in([tmp_path / "a.h5"])) == ["s1"]


def fill_the_disk(sample, group):
    fill_all(sample, group)
    if sample == "s1":
        raise OSError(errno.ENOSPC, "No space left on device")


def lose_an_input(sample, group):
    if sample == "s1":
        raise BrokenFileError("results/drift/s0001.h5: cannot be read as HDF5")


def miss_a_file(sample, group):
    fill_all(sample, group)
    if sample == "s1":
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "nuclei.zip")


@pytest.mark.parametrize(("work", "error"), [(fill_the_disk, OSError), (lose_an_input, BrokenFileError)])
@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_no_samples_fault_stops_the_job_and_leaves_no_file(tmp_path, threads, work, error):
    with pytest.raises(error, match=r"No space left|cannot be read as HDF5"):
        write_shard(tmp_path / "a.h5", SAMPLES, work, threads=threads, title="stage")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_its_own_that_is_missing_is_the_samples_fault(tmp_path):
    write_shard(tmp_path / "a.h5", SAMPLES, miss_a_file, title="stage")
    assert "nuclei.zip" in str(failures_in([tmp_path / "a.h5"])["s1"][0])


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill_much(sample, group):
    group.create_dataset("x", data=np.random.default_rng(0).random(8000), track_times=False)


def test_a_disk_that_fills_up_stops_the_job(small_disk):
    with pytest.raises(OSError, match="No space left"):
        write_shard(small_disk / "a.h5", SAMPLES, fill_much, threads=2, title="stage")
    assert list(small_disk.iterdir()) == []
