"""A recording under two names is found, whatever was done to it in between; recordings of their own are left alone."""

import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ainu import AinuError, simulate
from ainu.folds.duplicate_recordings import find_duplicates, refuse_duplicates, shared_fraction, similar_pairs
from ainu.folds.fingerprints import KEYS, Recording, acquisitions, fingerprint, fingerprint_shard
from ainu.localizations.joining import merge
from ainu.localizations.table import Localizations
from ainu.simulation.conditions import Condition

SMALL = Condition(clutches=150, clusters=80, frames=2000)
RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def fields() -> list[Localizations]:
    return [simulate(SMALL, seed, replicate="r1")[0] for seed in range(4)]


def drifting(table: Localizations) -> Localizations:
    way = np.cumsum(np.random.default_rng(1).normal(0, 5, table.n_frames)).astype(np.float32)
    return replace(table, x=table.x - way[table.frame], y=table.y + way[table.frame] / 2)


CHANGES = {
    "an offset": lambda t: replace(t, x=t.x + 12_345, y=t.y - 999),
    "another drift correction": drifting,
    "frames counted from 1": lambda t: replace(t, frame=t.frame + 1),
    "a filter": lambda t: t[t.photons > np.median(t.photons)],
    "rounded numbers": lambda t: replace(t, x=np.round(t.x, -1), y=np.round(t.y, -1)),
    "another order": lambda t: t[np.random.default_rng(2).permutation(len(t))],
    "no photons": lambda t: replace(t, photons=None, precision=None),
    "half of the frames": lambda t: t[t.frame < t.n_frames // 2],
}


def similar(one: Localizations, other: Localizations) -> bool:
    tables = {"a": one, "b": other}
    return bool(similar_pairs([Recording(name, 0, name, fingerprint(table)) for name, table in tables.items()]))


@pytest.mark.parametrize("change", CHANGES)
def test_a_table_that_was_saved_again_is_recognised(fields, change):
    other = CHANGES[change](fields[0])
    assert similar(fields[0], other)
    assert shared_fraction(fields[0], other) > 0.5


def test_without_frames_the_positions_are_compared(fields):
    bare = replace(fields[0], frame=None)
    moved = replace(bare, x=bare.x + 5000)
    assert similar(bare, moved)
    assert shared_fraction(bare, moved) > 0.9
    assert shared_fraction(bare, replace(fields[1], frame=None)) < 0.02


def test_recordings_of_their_own_share_nothing(fields):
    for other in fields[1:]:
        assert shared_fraction(fields[0], other) == 0


@pytest.mark.parametrize("overlap", [0.6, 0.3, 0.1])
def test_crops_that_overlap_are_found_and_their_share_is_measured(fields, overlap):
    x = fields[0].x
    left = fields[0][x < np.quantile(x, 0.5 + overlap / 2)]
    right = fields[0][x > np.quantile(x, 0.5 - overlap / 2)]
    assert similar(left, right)
    assert shared_fraction(left, right) == pytest.approx(overlap / (0.5 + overlap / 2), abs=0.03)


def test_crops_that_do_not_overlap_share_nothing(fields):
    middle = np.median(fields[0].x)
    assert shared_fraction(fields[0][fields[0].x < middle - 300], fields[0][fields[0].x > middle + 300]) < 0.02


def recordings(tables: list[Localizations]) -> list[Recording]:
    return [Recording(f"s{k}", 0, "", fingerprint(table)) for k, table in enumerate(tables)]


def test_a_rhythm_that_all_recordings_share_is_no_sign_of_a_copy():
    """Every fourth frame activates and shows nothing: the same in all recordings, so no sign of a copy."""
    fields = [simulate(replace(SMALL, clutches=40, clusters=20), 100 + seed)[0] for seed in range(24)]
    rhythmic = [table[table.frame % 4 > 0] for table in fields]
    assert similar_pairs(recordings(rhythmic)) == []
    again = replace(rhythmic[3], x=rhythmic[3].x + 777)
    assert similar_pairs(recordings([*rhythmic, again])) == [(3, 24)]


COARSE = st.sampled_from([0.001, 1.0, 10.0])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 3),
    offset=st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5)),
    later=st.integers(-1, 1),
    kept=st.floats(0.5, 1),
    width=st.floats(0.3, 1),
    frames=st.floats(0.4, 1),
    rounded=COARSE,
    order=st.integers(0, 2**32 - 1),
)
def test_a_moved_cropped_filtered_rounded_and_shuffled_copy_is_found(
    fields, seed, offset, later, kept, width, frames, rounded, order
):
    table, rng = fields[seed], np.random.default_rng(order)
    part = table[rng.permutation(len(table))[: int(kept * len(table))]]
    part = part[(part.x < np.quantile(table.x, width)) & (part.frame < frames * table.n_frames) & (part.frame > 0)]
    x, y = ((np.round((axis + move) / rounded) * rounded) for axis, move in zip((part.x, part.y), offset, strict=True))
    copy = replace(
        part, x=x.astype(np.float32), y=y.astype(np.float32), frame=np.uint32(part.frame.astype(int) + later)
    )
    others = [field for k, field in enumerate(fields) if k != seed]
    assert similar_pairs(recordings([table, copy, *others])) == [(0, 1)]
    assert shared_fraction(table, copy) > 0.3


def test_every_one_of_many_copies_is_linked_to_another(fields):
    copies = [replace(fields[0], x=fields[0].x + 100 * k) for k in range(60)]
    linked = {number for pair in similar_pairs(recordings([*fields[1:], *copies])) for number in pair}
    assert linked == set(range(3, 63))


@pytest.mark.parametrize("frames", [2000, 20_000])
def test_one_nucleus_of_a_large_field_is_similar_to_it(frames):
    field, truth = simulate(replace(SMALL, frames=frames, nuclei=30), 9)
    nucleus = truth.nuclei[11].radius(field.x, field.y) < 1
    assert 0.01 < nucleus.mean() < 0.06
    assert similar(field, replace(field[nucleus], x=field.x[nucleus] - 20_000))


def test_a_fingerprint_is_short_and_the_same_in_another_order(fields):
    assert len(fingerprint(fields[0])) == KEYS
    shuffled = fields[0][RNG.permutation(len(fields[0]))]
    assert np.array_equal(fingerprint(fields[0]), fingerprint(shuffled))


@pytest.mark.slow
def test_a_hundred_thousand_recordings_take_less_than_a_minute():
    """Figures from a common stock as large as that of usual fields, of which unrelated ones share 0.002; one crop."""
    rng = np.random.default_rng(0)
    prints = rng.integers(2**29, size=(100_000, KEYS), dtype=np.uint64) * np.uint64(2**25 + 35)
    prints[70_000, ::100] = prints[200, ::100]
    made = [Recording(f"s{k}", 0, "", own) for k, own in enumerate(prints)]
    started = time.process_time()
    assert similar_pairs(made)[0] == (200, 70_000)
    assert time.process_time() - started < 60


def stored(tmp_path, tables: dict[str, Localizations]) -> tuple[str, dict[str, str]]:
    raw, prints = tmp_path / "raw.h5", tmp_path / "prints.h5"
    with h5py.File(raw, "w") as file:
        for name, table in tables.items():
            table.write(file.create_group(name))
    fingerprint_shard(raw, prints, list(tables))
    return str(prints), dict.fromkeys(tables, str(raw))


def row(sample: str, replicate: str, label: str = "a", role: str = "train") -> dict[str, str]:
    return {"sample": sample, "replicate": replicate, "label": label, "role": role}


def known(table: Localizations, digest: str) -> Localizations:
    return replace(table, meta=table.meta | {"sha256": digest, "acquisition": [0] * len(table.channels)})


def test_copies_across_replicates_stop_the_run_and_both_are_named(fields, tmp_path):
    tables = {"one": known(fields[0], "x"), "two": known(fields[1], "y"), "copy": known(fields[0], "x")}
    prints, raw = stored(tmp_path, tables)
    with pytest.raises(AinuError, match=r"one \(replicate 'r1'.*copy \(replicate 'r3'.*identical files \(SHA-256\)"):
        refuse_duplicates([row("one", "r1"), row("two", "r2"), row("copy", "r3")], [prints], raw)


@pytest.mark.parametrize(
    "rows",
    [
        [row("one", "r1"), row("again", "r2")],
        [row("one", "r1"), row("again", "r1", label="b")],
        [row("one", "r1"), row("again", "r9", role="test")],
    ],
)
def test_a_table_saved_again_across_replicates_labels_or_roles_stops_the_run(fields, tmp_path, rows):
    tables = {"one": known(fields[0], "x"), "again": known(CHANGES["a filter"](fields[0]), "z")}
    prints, raw = stored(tmp_path, tables)
    with pytest.raises(AinuError, match="the same recording, saved again"):
        refuse_duplicates(rows, [prints], raw)


def test_within_one_replicate_it_is_reported_and_is_no_leakage(fields, tmp_path):
    tables = {"one": known(fields[0], "x"), "again": known(CHANGES["an offset"](fields[0]), "z")}
    prints, raw = stored(tmp_path, tables)
    found = refuse_duplicates([row("one", "r1"), row("again", "r1")], [prints], raw)
    assert found["within_a_replicate"][0]["samples"] == ["one", "again"]
    assert found["pairs"] == 1


def test_samples_of_two_files_are_compared_file_by_file(fields, tmp_path):
    parts = []
    for table, name in ((fields[0], "PolII"), (fields[1], "DNA")):
        own = table.of_channel(name)
        parts.append(replace(own, channel=np.zeros(len(own), np.uint8), channels=(name,)))
    both = merge([known(part, digest) for part, digest in zip(parts, "xy", strict=True)])
    assert set(acquisitions(both)) == {0, 1}
    alone = known(parts[1], "z")
    prints, raw = stored(tmp_path, {"both": both, "alone": alone})
    with pytest.raises(AinuError, match=r"both .* and alone"):
        refuse_duplicates([row("both", "r1"), row("alone", "r2")], [prints], raw)


def test_an_empty_sample_is_like_no_other(fields):
    empty = fields[0][:0]
    made = [Recording("a", 0, "", fingerprint(empty)), Recording("b", 0, "", fingerprint(fields[0]))]
    assert find_duplicates(made, {}) == []
    assert shared_fraction(empty, fields[0]) == 0
