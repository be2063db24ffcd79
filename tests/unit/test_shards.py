"""One job per shard, parallel over its samples."""

import h5py
import numpy as np
import pytest

from ainu import AinuError
from ainu.localizations import write_array
from ainu.shards import write_shard

SAMPLES = [f"s{k}" for k in range(7)]


def fill(sample, group):
    if sample in ("s2", "s5"):
        raise AinuError(f"nothing in {sample}.bin")
    write_array(group, "x", np.full(100, int(sample[1:])))


def fill_all(sample, group):
    write_array(group, "x", np.full(100, int(sample[1:])))
    group.attrs["name"] = sample


@pytest.mark.parametrize("threads", [1, 3])
def test_every_sample_becomes_a_group(tmp_path, threads):
    write_shard(tmp_path / "a.h5", SAMPLES, fill_all, threads=threads)
    with h5py.File(tmp_path / "a.h5") as file:
        assert {sample: int(file[sample]["x"][0]) for sample in SAMPLES} == {f"s{k}": k for k in range(7)}


def test_the_bytes_do_not_depend_on_the_number_of_processes(tmp_path):
    for threads in (1, 2, 4):
        write_shard(tmp_path / f"{threads}.h5", SAMPLES, fill_all, threads=threads)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_all_failing_samples_are_named_and_no_file_is_left(tmp_path, threads):
    with pytest.raises(AinuError, match=r"2 of 7 samples failed\n  s2: nothing in s2.bin\n  s5: nothing in s5.bin"):
        write_shard(tmp_path / "a.h5", SAMPLES, fill, threads=threads)
    assert list(tmp_path.iterdir()) == []
