"""A recording under two names is found, whatever was done to it in between; recordings of their own are left alone."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from ainu import AinuError, simulate
from ainu.folds.duplicate_recordings import (
    Recording,
    acquisitions,
    find_duplicates,
    fingerprint,
    fingerprint_shard,
    refuse_duplicates,
    shared_fraction,
    similar_pairs,
)
from ainu.localizations.table import Localizations, merge
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


def test_a_rhythm_that_all_recordings_share_is_no_sign_of_a_copy():
    """Every fourth frame activates and shows nothing: the same in all recordings, so no sign of a copy."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(5 * (np.arange(2048) % 4 > 0), (24, 2048)).astype(np.float64)
    prints = counts - counts.mean(axis=1, keepdims=True)
    prints /= np.linalg.norm(prints, axis=1, keepdims=True)
    made = [Recording(f"s{k}", 0, "", own.astype(np.float32)) for k, own in enumerate(prints)]
    assert similar_pairs(made) == []
    twin = made[3]
    assert similar_pairs([*made, Recording("twin", 0, "", twin.fingerprint)])[0] == (3, 24)


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
