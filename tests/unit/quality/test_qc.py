"""What the quality control says and shows of good and of bad samples."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import h5py
import numpy as np
import pandas as pd
import pytest
from defaults import drift_settings, no_filters, search_settings
from PIL import Image

from ainu import Localizations, filter_quality, find_nuclei, simulate
from ainu.drift.correction import Drift, correct_shard
from ainu.figures.saving import encode
from ainu.files import read_table
from ainu.hdf5 import new_file
from ainu.localizations.table import load
from ainu.nuclei.find import find_shard
from ainu.quality.filters import filter_shard
from ainu.quality.frc import ring_correlation
from ainu.quality.gather import gather
from ainu.quality.nena import repeated_localization
from ainu.quality.page import qc_page
from ainu.quality.summary import measure_sample, qc_shard, summary_row
from ainu.quality.warnings import Sample, flags
from ainu.simulation.conditions import CONDITIONS

LIMITS = {
    "photons": (300, None),
    "precision_nm": (None, 40),
    "sigma_nm": (50, 300),
    "isolated": {"radius_nm": 150, "neighbours": 2},
}


def known(shift, method="known", notes=None) -> Drift:
    """A drift from frame 0 on."""
    return Drift(np.arange(len(shift)), shift, method, notes or {})


@cache
def simulated(**changes) -> Localizations:
    """A usual field whose drift is corrected to the last nanometre."""
    table, truth = simulate(replace(CONDITIONS["somatic"], **changes), 1)
    return known(truth.drift).apply(table)


def examined(table: Localizations, drift: Drift | None = None, **settings) -> Sample:
    quality = filter_quality(table, **LIMITS | settings)
    blinking, kept = table[quality.of("kept", "merged")], quality.apply(table)
    walk = np.linspace(0, 100, table.n_frames, dtype=np.float32)[:, None] * np.ones(2, np.float32)
    return Sample(
        table,
        [drift or known(walk, "rcc")],
        quality,
        find_nuclei(table, keep=quality.keep),
        {name: repeated_localization(blinking.of_channel(name)) for name in table.channels},
        {name: ring_correlation(kept.of_channel(name)) for name in table.channels},
    )


def flagged(table: Localizations, drift: Drift | None = None, **settings) -> str:
    return "; ".join(flags(examined(table, drift, **settings)))


def joined(one: Localizations, x, y, frame) -> Localizations:
    """The table with localizations added that look like its first one."""
    first = one[np.zeros(len(x), int)]
    added = replace(first, x=x, y=y, frame=frame)
    columns = {name: np.concatenate([values, added.columns()[name]]) for name, values in one.columns().items()}
    return Localizations(**columns, channels=one.channels)


def texts(examined: Sample, **changes) -> str:
    """All that a page says."""
    page = qc_page(examined, {"sample": "fov1"} | summary_row(examined) | changes)
    root = ElementTree.fromstring(encode(page, "svg"))
    return "\n".join("".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text"))


def test_a_good_sample_has_no_flags():
    assert flagged(simulated()) == ""


def test_few_localizations_are_flagged_per_channel():
    table = simulated()
    few = table[(table.channel == 0) | (np.cumsum(table.channel == 1) <= 700)]
    assert "few localizations (DNA: " in flagged(few)
    assert "PolII" not in flagged(few).partition(")")[0]


def test_most_localizations_dropped_names_the_reason():
    assert "most localizations dropped (9" in (found := flagged(simulated(), photons=(5000, None)))
    assert "most of them for photons" in found


def test_drift_that_was_not_corrected_is_flagged():
    nothing = known(np.zeros((4000, 2), np.float32), "none")
    assert "drift not corrected" in flagged(simulated(), nothing)
    failed, absent = (replace(nothing, notes={"verdict": verdict}) for verdict in ("failed", "no drift"))
    assert "drift not corrected (failed)" in flagged(simulated(), failed)
    assert flagged(simulated(), absent) == ""
    assert "no frames: drift not corrected" in flagged(replace(simulated(), frame=None))


def test_what_an_uncorrected_drift_means_for_the_result_is_flagged():
    notes = {"verdict": "cannot be told", "detectable_nm": 80.0}
    nothing = known(np.zeros((4000, 2), np.float32), "aim", notes)
    assert "drift not corrected (cannot be told; nothing can be seen below 160 nm)" in flagged(simulated(), nothing)


def test_a_stretch_that_was_not_corrected_is_flagged_beside_one_that_was():
    walk = np.linspace(0, 100, 4000, dtype=np.float32)[:, None] * np.ones(2, np.float32)
    assert "drift not corrected (cannot be told)" in flagged(
        simulated(), known(walk, "aim", {"verdict": "cannot be told"})
    )


def test_large_and_residual_drift_are_flagged():
    walk = np.linspace(0, 2500, 4000, dtype=np.float32)[:, None] * np.ones(2, np.float32)
    found = flagged(simulated(), known(walk, "rcc", {"residual_nm": 31.4}))
    assert "large drift (2.5 µm)" in found
    assert "residual drift (31 nm)" in found


def test_a_refused_correction_is_reported_and_its_residual_is_not():
    nothing = np.zeros((4000, 3), np.float32)
    refused = {"verdict": "failed", "residual_nm": 0.4, "warning": "a drift of 90 nm was found, but"}
    row = summary_row(examined(simulated(), known(nothing, "rcc", refused)))
    assert (row["drift_verdict"], row["drift_residual_nm"]) == ("failed", None)
    assert row["drift_warning"] == "a drift of 90 nm was found, but"


def test_a_drift_in_z_that_was_not_corrected_is_flagged():
    walk = np.linspace(0, 100, 4000, dtype=np.float32)[:, None] * np.array([1, 1, 0], np.float32)
    notes = {"verdict": "corrected", "warning": None, "verdict_z": "worse", "warning_z": "it blurs"}
    drift = known(walk, "aim", notes | {"residual_z_nm": 2.0})
    assert flagged(simulated(), drift) == "drift in z not corrected (worse)"
    row = summary_row(examined(simulated(), drift))
    assert (row["drift_verdict"], row["drift_verdict_z"], row["drift_warning"]) == ("corrected", "worse", "it blurs")
    assert row["drift_residual_z_nm"] is None


def test_notes_of_the_files_reach_the_row_and_the_page():
    table = simulated()
    notes = [{"notes": ["decimal commas", "z spans 74 µm"]}, {"notes": ["decimal commas"]}, {}]
    row = summary_row(examined(replace(table, meta={"files": notes, "acquisition": [0] * len(table.channels)})))
    assert row["file_notes"] == "decimal commas; z spans 74 µm"
    assert "File: decimal commas; z spans 74 µm." in texts(examined(table), **row)


def test_the_page_shows_the_warning_of_the_drift():
    warning = "frames 6000-6999 share little structure with the others; their drift may be wrong"
    walk = np.linspace(0, 100, 4000, dtype=np.float32)[:, None] * np.ones(2, np.float32)
    sample = examined(simulated(), known(walk, "aim", {"verdict": "corrected", "warning": warning}))
    assert f"Drift: {warning}." in texts(sample, **summary_row(sample))


def test_early_bleaching_is_flagged():
    table = simulated()
    bleached = table[(table.frame < 1000) | (table.frame % 50 == 0)]
    assert "bleached early (half of the localizations by frame 5" in flagged(bleached)


def test_a_high_density_at_the_start_is_flagged():
    table = simulated()
    extra = table[np.arange(0, len(table), 3)]
    start = joined(table, extra.x, extra.y, extra.frame % 80)
    assert "high density at the start (first 80 frames" in flagged(start)


def from_a_million(frame):
    return frame + 10**6


def paused(frame):
    return frame + np.where(frame >= 2000, 30_000, 0)


def one_far_out(frame):
    return np.where(frame == frame.max(), 900_000_000, frame)


@pytest.mark.parametrize("renumber", [from_a_million, paused, one_far_out])
def test_bleaching_and_a_dense_start_are_flagged_whatever_the_numbers_of_the_frames(renumber):
    def named(table):
        return replace(table, frame=renumber(table.frame.astype(np.int64)).astype(np.uint32))

    table, still = simulated(), known(np.zeros((2, 2), np.float32))
    extra = table[np.arange(0, len(table), 3)]
    assert "high density at the start (first 8" in flagged(
        named(joined(table, extra.x, extra.y, extra.frame % 80)), still
    )
    assert "bleached early" in flagged(named(table[(table.frame < 1000) | (table.frame % 50 == 0)]), still)
    usual = flagged(named(table), still)
    assert "bleached" not in usual
    assert "density at the start" not in usual


def test_each_acquisition_has_its_own_course():
    table = simulated()
    both = joined(table, table.x, table.y, table.frame % 400)
    one, still = examined(both), known(np.zeros((2, 2), np.float32))
    parts = [replace(still, rows=rows) for rows in ((0, len(table)), (len(table), len(both)))]
    assert "high density at the start" in "; ".join(flags(one))
    assert "high density at the start" not in "; ".join(flags(replace(one, drifts=parts)))


def test_a_gap_is_flagged():
    table = simulated()
    gap = table[(table.frame < 1500) | (table.frame > 2000)]
    assert "gap (no localizations in frames 1500 to 2000)" in flagged(gap)
    assert "gap" not in flagged(gap[::300])


def test_bad_precision_is_flagged_also_where_the_file_has_no_column_of_it():
    blurred = simulated(photons=50.0, background=150.0)
    settings = {"photons": None, "precision_nm": None}
    assert "precision worse than 30 nm (" in flagged(blurred, **settings)
    assert "precision worse than 30 nm (" in flagged(replace(blurred, precision=None), **settings)


def test_a_precision_column_in_other_units_is_flagged():
    table = simulated()
    found = flagged(replace(table, precision=table.precision / 160))
    assert "the file's precision is 0.0061 times the measured one (DNA)" in found


def test_no_nucleus_is_flagged():
    random = np.random.default_rng(0)
    table = simulated()
    even = replace(table, x=random.uniform(0, 2000, len(table)), y=random.uniform(0, 2000, len(table)))
    assert "no nucleus" in flagged(even)


def test_an_aggregate_is_flagged():
    random = np.random.default_rng(0)
    x, y = 6000 + random.normal(0, 20, (2, 5000))
    with_aggregate = joined(simulated(), x, y, random.integers(0, 4000, 5000))
    assert "crowded places hold " in flagged(with_aggregate)
    assert "crowded" not in flagged(with_aggregate, crowded={"radius_nm": 100, "times": 20})


def test_a_limit_on_a_column_that_no_file_has_is_flagged_with_the_columns_there_are():
    table = simulated()
    table = replace(table, meta=table.meta | {"columns": ["x [nm]", "chi2"]})
    assert "limit on 'chi' not applied: no file of the sample has this column; its columns: x [nm], chi2" in flagged(
        table, extra={"chi": (None, 3)}
    )


def test_nothing_left_is_the_only_flag():
    assert flagged(simulated(), photons=(1e9, None)) == "no localizations left"
    assert flagged(simulated()[:0]) == "no localizations"


@pytest.mark.parametrize("settings", [{}, {"photons": (1e9, None)}, {"merge": {"radius_nm": 20, "dark_frames": 0}}])
def test_a_row_adds_up(settings):
    row = summary_row(examined(simulated(), **settings))
    assert row["kept"] + sum(value for name, value in row.items() if name.startswith("dropped_")) == row["rows"]
    assert row["kept_PolII"] + row["kept_DNA"] == row["kept"]


def test_a_page_shows_numbers_reasons_flags_and_thresholds():
    sample = examined(simulated(), photons=("q0.1", None), extra={"background": (10, 30)})
    row = summary_row(sample)
    shown = texts(sample, flags="no nucleus; bleached early", drift_verdict="applied")
    for text in ("fov1", "Flags: no nucleus; bleached early.", "drift verdict: applied", "drift (nm)", "per frame"):
        assert text in shown
    for text in (f"kept: {row['kept']}", f"photons: {row['dropped_photons']}", f"PolII: {row['kept_PolII']}"):
        assert text in shown
    for name in ("PolII", "DNA"):
        assert f"{name} {row[f'nena_nm_{name}']:.1f} nm" in shown
        assert f"{name} {row[f'frc_nm_{name}']:.1f} nm" in shown
    axes = {axis.get_xlabel(): axis for axis in qc_page(sample, row).axes}
    lines = {label: [float(line.get_xdata()[0]) for line in axis.lines] for label, axis in axes.items()}
    assert lines["photons"] == [pytest.approx(np.quantile(sample.table.photons, 0.1), rel=1e-6)]
    assert lines["PSF sigma (nm)"] == [50, 300]
    assert lines["background"] == [10, 30]


def test_an_overview_shows_all_kept_localizations_and_the_nuclei_where_they_are():
    sample = examined(simulated())
    page = qc_page(sample, {})
    pictures = [axis for axis in page.axes if axis.get_images()]
    assert [axis.get_title(loc="left").split(" (")[0] for axis in pictures] == [
        f"{name}: {(sample.kept.channel == index).sum()} localizations" for index, name in enumerate(("PolII", "DNA"))
    ]
    assert all("2 µm" in [text.get_text() for text in axis.texts] for axis in pictures)
    dark = pictures[1].get_images()[0].get_array()[..., :3].sum(axis=2)
    rows, columns = np.nonzero(dark > dark.min())
    outline = pictures[1].lines[-1].get_xydata()
    low, high = np.nanmin(outline, axis=0), np.nanmax(outline, axis=0)
    inside = (columns >= low[0]) & (columns <= high[0]) & (rows >= low[1]) & (rows <= high[1])
    assert inside.mean() > 0.99
    assert (high - low > 0.7 * np.array(dark.shape[::-1])).all()


def test_a_page_names_what_the_file_lacks():
    table = simulated()
    bare = Localizations(x=table.x, y=table.y, channel=table.channel, channels=table.channels)
    shown = texts(examined(bare, known(np.zeros((0, 2), np.float32), "none")))
    for text in (
        "no drift estimated",
        "no frames",
        "no photons",
        "no precision",
        "no PSF sigma",
        "no emitter localized",
    ):
        assert text in shown
    assert "limits not applied (no such column): photons, precision, sigma" in shown


@pytest.mark.parametrize("n", [0, 1, 3])
def test_an_almost_empty_sample_still_has_a_page(n):
    assert "fov1" in texts(examined(simulated()[:n]))


def test_names_are_drawn_as_they_are():
    table = replace(simulated(), channels=("$x_1$", "<b>"))
    shown = texts(examined(table), sample="$a & b$")
    for name in ("$x_1$", "<b>", "$a & b$"):
        assert name in shown


def stages(folder: Path, tables: dict[str, Localizations]) -> dict[str, str]:
    """The shard files of a chain of stages."""
    paths = {name: str(folder / f"{name}.h5") for name in ("raw", "drift", "quality", "nuclei")}
    with new_file(paths["raw"]) as file:
        for name, table in tables.items():
            replace(table, meta={"acquisition": [0, 0], "dropped": {"not finite": 7}}).write(file.create_group(name))
    correct_shard(paths["raw"], paths["drift"], list(tables), drift_settings(method="none"))
    limits = no_filters(**LIMITS | {"photons": ["q0.05", None], "merge": {"radius_nm": 20, "dark_frames": 0}})
    filter_shard(paths["raw"], paths["drift"], paths["quality"], list(tables), limits)
    find_shard(paths, paths["nuclei"], list(tables), search_settings(), {})
    return paths


def test_a_shard_has_a_row_and_a_picture_per_sample(tmp_path):
    paths = stages(tmp_path, {"fov1": simulated(), "fov2": simulated()[::2]})
    qc_shard(paths, tmp_path / "qc", ["fov1", "fov2"])
    gather([tmp_path / "qc" / "summary.tsv"], tmp_path / "summary.tsv")
    rows = read_table(tmp_path / "summary.tsv")
    assert rows["sample"].tolist() == ["fov1", "fov2"]
    assert rows["rows"].tolist() == [len(simulated()) + 7, -(-len(simulated()) // 2) + 7]
    dropped = rows.filter(like="dropped_").sum(axis=1)
    assert (rows["kept"] + dropped == rows["rows"]).all()
    assert rows["flags"].str.contains("drift not corrected").all()
    assert Image.open(tmp_path / "qc" / "fov1.png").size[0] == 1080


def test_a_field_in_wrong_units_without_a_nucleus_is_named_as_such(tmp_path):
    table = simulated()
    paths = stages(tmp_path, {"fov1": replace(table, x=table.x / 1000, y=table.y / 1000)})
    qc_shard(paths, tmp_path / "qc", ["fov1"])
    skipped = read_table(tmp_path / "qc" / "summary.tsv")["skipped"].iloc[0]
    assert "no nucleus: all localizations lie within 0.0" in skipped
    assert "in camera pixels or µm, set the unit in the sheet's `columns`" in skipped


def test_merged_blinks_reach_those_who_load_the_sample(tmp_path):
    table = simulated()
    paths = stages(tmp_path, {"fov1": table})
    kept = load(paths["raw"], "fov1", drift=paths["drift"], quality=paths["quality"], nuclei=paths["nuclei"])
    sample = measure_sample(paths, "fov1")
    with h5py.File(paths["quality"]) as file:
        counts = json.loads(file["fov1"].attrs["counts"])
    assert len(kept) == counts["kept"] == len(sample.kept)
    assert counts["merged"] > 1000
    assert kept.x.tolist() == sample.kept.x.tolist()
    left = sample.quality.of("kept", "merged", "isolated")
    isolated = sample.quality.merged.apply(table)[sample.quality.of("isolated")]
    merged = kept.photons.sum(dtype=float) + isolated.photons.sum(dtype=float)
    assert merged == pytest.approx(table.photons[left].sum(dtype=float), rel=1e-6)


def test_summaries_of_shards_with_other_channels_are_joined(tmp_path):
    for name, column in (("a", "nena_nm_DNA"), ("b", "nena_nm_PolII")):
        pd.DataFrame({"sample": [name], "flags": [""], column: [5.5]}).to_csv(tmp_path / name, sep="\t", index=False)
    gather([tmp_path / "a", tmp_path / "b"], tmp_path / "summary.tsv")
    rows = read_table(tmp_path / "summary.tsv")
    assert rows["nena_nm_DNA"].tolist() == ["5.5", ""]
    assert rows["nena_nm_PolII"].tolist() == ["", "5.5"]


def test_a_sample_that_a_canvas_cuts_is_flagged_after_its_other_flags(tmp_path):
    (tmp_path / "qc").write_text("sample\tflags\na\tno nucleus\nb\t\nc\t\n")
    (tmp_path / "small200").mkdir()
    with h5py.File(tmp_path / "small200" / "s1.h5", "w") as file:
        for name, cut in (("a", [[30, 40], [0, 0], [200, 82]]), ("b", [[5, 0]] * 1), ("c", [[0, 0]] * 2)):
            file.create_group(name).update({"clipped": cut, "localizations": [[400, 600]] * len(cut)})
    gather([tmp_path / "qc"], tmp_path / "summary.tsv", [tmp_path / "small200" / "s1.h5"])
    assert read_table(tmp_path / "summary.tsv")["flags"].tolist() == [
        "no nucleus; the canvas of small200 cuts off 7 to 28 % of the localizations of 2 nuclei",
        "the canvas of small200 cuts off 0.5 % of the localizations of a nucleus",
        "",
    ]


def test_the_joint_summary_says_of_a_sample_why_nothing_uses_it(tmp_path):
    pd.DataFrame({"sample": ["a", "b", "c"], "flags": ["", "few", "few"]}).to_csv(
        tmp_path / "own", sep="\t", index=False
    )
    gather([tmp_path / "own"], tmp_path / "summary.tsv", unused={"a": "a typo", "b": "it lacks DNA"})
    rows = read_table(tmp_path / "summary.tsv")
    assert rows["unused"].tolist() == ["a typo", "it lacks DNA", ""]
    assert rows["flags"].tolist() == ["unused (a typo)", "few; unused (it lacks DNA)", "few"]


def test_the_same_sample_gives_the_same_page():
    sample = examined(simulated())
    row = summary_row(sample)
    first, second = (encode(qc_page(sample, row), "png", dpi=90) for _ in range(2))
    assert first == second


def test_the_quality_control_does_not_pay_for_torch_or_scikit_learn():
    code = "import sys, ainu.quality.summary; print(sorted({'torch', 'sklearn', 'monai'} & set(sys.modules)))"
    source = str(Path(__file__).parents[3] / "src")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": source})
    assert found.stdout.strip() == "[]"
