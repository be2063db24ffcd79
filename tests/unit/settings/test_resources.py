"""What jobs ask for: from the size of what they read, and of a shard's largest samples."""

from types import SimpleNamespace

import pytest

from ainu.settings.resources import JobResources, memory, minutes, size_mb


@pytest.fixture
def asked(tmp_path):
    """Memory (MB) and minutes for a shard of files of so many MB, of a stage that takes them as they are."""

    def ask(*sizes_mb: int, largest: int = 1, attempt: int = 1) -> tuple[int, int]:
        files = {f"n{k}": tmp_path / f"{k}.csv" for k in range(len(sizes_mb))}
        for file, size in zip(files.values(), sizes_mb, strict=True):
            with file.open("wb") as made:
                made.truncate(size * 2**20)
        shards = {"s0001": tuple(files), "s0002": ("n0",) * largest}
        settings = SimpleNamespace(shards=shards, rows=lambda sample: [{"path": str(files[sample])}])
        resources, shard = JobResources(SimpleNamespace(settings=settings)), SimpleNamespace(shard="s0001")
        needed = resources.shard_memory(6)(shard, list(files.values()), attempt)
        return needed, resources.shard_minutes(60)(shard, attempt)

    return ask


def test_a_shard_asks_for_the_memory_of_its_sixteen_largest_samples(asked):
    assert asked(*[100] * 16)[0] == 6 * 1600
    assert asked(*[100] * 63, 1000)[0] == 6 * (1000 + 15 * 100)


def test_all_shards_ask_for_the_time_of_the_largest(asked):
    assert [asked(1, largest=n)[1] for n in (1, 16, 17, 128, 1000)] == [60, 60, 120, 480, 480]


def test_a_further_attempt_asks_for_more_of_both(asked):
    first, second = asked(2000), asked(2000, attempt=2)
    assert second == (2 * first[0], 2 * first[1])


def test_memory_and_time_grow_with_the_input_and_with_every_attempt(tmp_path):
    file = tmp_path / "a.h5"
    with file.open("wb") as made:
        made.truncate(2**30)
    assert size_mb([file, file]) == 2048
    assert [memory(3)(None, [file], attempt) for attempt in (1, 2)] == [3072, 6144]
    assert memory(0, least=2000)(None, [file], 1) == 2000
    assert [minutes(10, per_gb=60)(None, [file], attempt) for attempt in (1, 2)] == [60, 120]
    assert minutes(10)(None, [file], 1) == 10
