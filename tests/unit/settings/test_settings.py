"""The config and the sheet: what is filled in, and that each mistake is told with its place."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, get_args, get_type_hints

import h5py
import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ainu.attribution.catalogue import BASE
from ainu.errors import AinuError
from ainu.files import write_table
from ainu.localizations.formats.read import FORMATS
from ainu.networks.catalogue import CATALOGUE
from ainu.settings.check import Settings, check, schema
from ainu.settings.config import Config
from ainu.settings.schemas import resolved
from ainu.settings.validation import valid_part
from ainu.shards import write_shard
from ainu.typed import plain

REPOSITORY = Path(__file__).parents[3]
COLUMNS = ("sample", "path", "channels", "label", "replicate")
CONFIG = {
    "samples": "samples.tsv",
    "channels": ["PolII", "DNA"],
    "defaults": {"classes": ["somatic", "hiPSC"]},
    "experiments": {"foo": {}},
}

Row = dict[str, str]
Check = Callable[..., Settings]


def simulated(sample: str) -> str:
    """The path of a file that need not exist."""
    return f"results/simulated/{sample}.bin"


def rows(replicates: int = 3) -> list[Row]:
    """A valid sheet: one sample per class and replicate."""
    return [
        dict(zip(COLUMNS, (f"{label}-{k}", simulated(f"{label}-{k}"), "1:PolII,2:DNA", label, f"r{k}"), strict=True))
        for k in range(replicates)
        for label in ("somatic", "hiPSC")
    ]


def as_text(sheet: list[Row]) -> str:
    header = list(dict.fromkeys(column for row in sheet for column in row))
    lines = [header, *([row.get(column, "") for column in header] for row in sheet)]
    return "".join("\t".join(cells) + "\n" for cells in lines)


@pytest.fixture
def checked(tmp_path: Path) -> Check:
    """`check` in a folder that has the file a.bin and the given sheet."""

    def run(sheet: list[Row] | str | bytes | None = None, **config: Any) -> Settings:
        (tmp_path / "a.bin").touch()
        content = as_text(rows() if sheet is None else sheet) if not isinstance(sheet, str | bytes) else sheet
        (tmp_path / "samples.tsv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return check(deepcopy(CONFIG) | config, tmp_path)

    return run


@pytest.fixture
def told(checked: Check) -> Callable[..., list[str]]:
    """The lines of the one error."""

    def run(sheet: list[Row] | str | bytes | None = None, **config: Any) -> list[str]:
        with pytest.raises(AinuError) as error:
            checked(sheet, **config)
        return str(error.value).splitlines()

    return run


def changed(index: int, **cells: str) -> list[Row]:
    """The valid sheet with other cells in one row; row `index` is row `index + 2` of the file."""
    sheet = rows()
    sheet[index] |= cells
    return sheet


# --- what a valid config gives ----------------------------------------------------------------------------------------


def test_the_shipped_config_and_sheet_are_valid():
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text(encoding="utf-8"))
    settings = check(config, REPOSITORY)
    assert len(settings.samples_of("somatic-vs-hipsc")) == 60


def test_the_demos_format_follows_from_neither_class_nor_replicate():
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text(encoding="utf-8"))
    samples = check(config, REPOSITORY).samples
    ending = samples["path"].str.rpartition(".")[2]
    assert (samples["path"] == "results/simulated/" + samples["sample"] + "." + ending).all()
    by_class = samples.groupby(["label", ending]).size()
    by_cell = samples.groupby(["label", "replicate"])["path"].agg(lambda paths: paths.str.rpartition(".")[2].nunique())
    assert set(by_class) == {7, 8}
    assert set(by_cell) == {4}
    assert len(by_cell) == 12


def test_schema_defaults_are_those_of_the_shipped_config():
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text(encoding="utf-8"))
    given = {key: config[key] for key in ("samples", "channels")}
    bare = check(given | {"experiments": {"a": {"classes": ["somatic", "hiPSC"]}}}, REPOSITORY).config
    shipped = check(config, REPOSITORY).config
    demo = shipped.experiments["somatic-vs-hipsc"]
    lowered = {"training": replace(demo.training, steps=300)}
    lowered |= {"audit": replace(demo.audit, networks=("equal_counts", "merged_blinks", "outline"))}
    lowered |= {"attribution": replace(demo.attribution, detail_nuclei=12)}
    assert (demo.training.steps, demo.attribution.detail_nuclei) == (40, 6)
    assert demo.audit.networks == ("equal_counts", "outline")
    assert bare.experiments["a"] == replace(demo, **lowered), "the demo lowers nothing else"
    for section in {field.name for field in fields(Config)} - {"experiments"}:
        assert getattr(bare, section) == getattr(shipped, section), section


def test_every_key_is_filled(checked):
    settings = checked()
    assert settings.config.drift.segment_frames == 500
    foo = settings.experiment("foo")
    assert foo.channels == ("PolII", "DNA")
    assert foo.render == "context200"
    assert foo.init_from is None


def test_settings_have_a_field_for_every_key_of_the_schema_and_no_other():
    assert dict(unlike(schema("config"), Config)) == {}


def unlike(spec: dict[str, Any], kind: type, place: str = "") -> Iterator[tuple[str, set[str]]]:
    """Where the keys of a section are not the fields of its dataclass, and which ones these are."""
    keys, hints = spec["properties"], get_type_hints(kind)
    odd = set(keys) ^ {field.name for field in fields(kind)}
    if odd - ({"defaults"} if kind is Config else set()):
        yield place or "config", odd
    for name in set(keys) & set(hints):
        inner = resolved(keys[name])
        entries = resolved(inner.get("additionalProperties") or {})
        for own in dataclasses_in(hints[name]):
            yield from unlike(inner if "properties" in inner else entries, own, f"{place}.{name}")


def dataclasses_in(hint: Any) -> list[type]:
    """The dataclasses that a type names, as it is, in a union or in a mapping."""
    return [hint] if is_dataclass(hint) else [own for part in get_args(hint) for own in dataclasses_in(part)]


def test_an_experiment_goes_before_defaults_and_defaults_before_the_schema(checked):
    settings = checked(
        defaults=CONFIG["defaults"] | {"training": {"steps": 3, "batch_size": 4}},
        experiments={"foo": {"training": {"steps": 5}}, "bar": {"init_from": "foo"}},
    )
    training = settings.experiment("foo").training
    assert (training.steps, training.batch_size, training.patience) == (5, 4, 8)
    assert settings.experiment("bar").training.steps == 3


def test_checking_leaves_the_given_config_alone(tmp_path, checked):
    checked()
    config = deepcopy(CONFIG)
    check(config, tmp_path)
    assert config == CONFIG


def test_the_schema_that_callers_get_is_theirs_to_change():
    schema("config")["properties"].clear()
    assert schema("config")["properties"]


def test_an_empty_section_means_its_defaults(checked):
    settings = checked(drift=None, experiments={"foo": None}, quality={"isolated": None})
    assert settings.config.drift.method == "aim"
    assert settings.config.quality.isolated is None
    assert settings.experiment("foo").folds == 3


def test_part_of_a_nested_mapping_is_filled(checked):
    assert checked(quality={"isolated": {"radius_nm": 80}}).config.quality.isolated.neighbours == 2


def test_limits_may_be_quantiles_and_those_of_further_columns_negative(checked):
    given = {"photons": ["q0.01", 5000], "extra": {"z": [-400, "q1"]}, "merge": {}, "crowded": {"times": 20}}
    quality = checked(quality=given).config.quality
    assert {key: plain(getattr(quality, key)) for key in ("photons", "extra")} == {
        key: given[key] for key in ("photons", "extra")
    }
    assert plain(quality.merge) == {"radius_nm": 30, "dark_frames": 1}
    assert plain(quality.crowded) == {"radius_nm": 100, "times": 20}


def test_whole_numbers_written_as_floats_become_integers(checked):
    folds = checked(experiments={"foo": {"folds": 3.0}}).experiment("foo").folds
    assert type(folds) is int


def test_the_sheet_is_text_with_every_column(checked):
    settings = checked(
        [
            rows()[0]
            | {
                "sample": "held-out",
                "path": simulated("held-out"),
                "replicate": "r9",
                "role": "test",
                "pixel_size_nm": "160",
            },
            *rows(),
        ]
    )
    assert list(settings.samples) == list(schema("samples")["properties"])
    assert settings.samples.map(lambda cell: isinstance(cell, str)).all(axis=None)
    assert settings.samples["pixel_size_nm"].tolist() == ["160"] + [""] * 6
    assert settings.samples["role"].tolist() == ["test"] + ["train"] * 6


def test_merged_rows_of_a_sample_are_given_together(checked):
    two = [rows()[0] | {"channels": "PolII"}, rows()[0] | {"channels": "DNA"}]
    settings = checked(two + rows()[1:])
    assert [row["channels"] for row in settings.rows("somatic-0")] == ["PolII", "DNA"]
    assert settings.samples_of("foo").count("somatic-0") == 1


def test_samples_of_an_experiment_are_its_classes_of_role_train(checked):
    extra = (
        rows()[0] | {"sample": "held-out", "path": simulated("held-out"), "replicate": "r9", "role": "test"},
        rows()[0] | {"sample": "other", "path": simulated("other"), "label": "cancer"},
    )
    unlabelled = rows()[0] | {"sample": "unlabelled", "path": simulated("unlabelled"), "label": ""}
    settings = checked([*rows(), *extra, unlabelled])
    assert settings.samples_of("foo") == [row["sample"] for row in rows()]


def test_unknown_names_are_refused_with_a_suggestion(checked):
    settings = checked()
    with pytest.raises(AinuError, match=r"'fooo'.*did you mean 'foo'"):
        settings.experiment("fooo")
    with pytest.raises(AinuError, match="'somatic-9'"):
        settings.rows("somatic-9")


def test_a_byte_order_mark_windows_line_ends_quotes_and_blanks_are_accepted(checked):
    text = as_text(rows()).replace("1:PolII,2:DNA", ' "1:PolII,2:DNA"'.strip()).replace("\tr1", "\t r1 ")
    settings = checked(("\ufeff" + text + "\n\n").replace("\n", "\r\n"))
    assert settings.samples.equals(checked().samples)


def test_missing_trailing_cells_are_empty(checked):
    header, *lines = as_text(rows()).splitlines()
    assert checked("\n".join([header + "\tformat\troi", *lines])).samples.equals(checked().samples)


def test_simulated_files_need_not_exist(checked):
    assert checked(changed(0, path="results/simulated/x.bin")).rows("somatic-0")[0]["path"].endswith("x.bin")


# --- shards -----------------------------------------------------------------------------------------------------------


def fill(_name: str, group: h5py.Group) -> None:
    group.create_dataset("x", data=[1.0])


def test_the_longest_names_are_fit_for_files_and_groups(checked, tmp_path):
    sample, shard = "s" * 120, "h" * 100
    settings = checked(changed(0, sample=sample, shard=shard), experiments={"e" * 200: {}})
    assert settings.shards[shard] == (sample,)
    write_shard(tmp_path / f"{shard}.h5", [sample], fill)
    with h5py.File(tmp_path / f"{shard}.h5") as file:
        assert file[sample]["x"][()].tolist() == [1.0]
    write_table(tmp_path / ("e" * 200) / f"{'e' * 200}.tsv", settings.samples)


@pytest.mark.parametrize("sign", [" ", "    "])
def test_blanks_instead_of_tabs_are_told_as_what_they_are(told, sign):
    text = as_text(rows())
    (line,) = told(text.replace("\t", sign))
    assert line.startswith("samples.tsv, row 1: found 'sample ")
    assert line.endswith(
        "one column with blanks in it; allowed: columns separated by tabs (save it as tab-separated text)"
    )
    header, *lines = text.splitlines()
    (line,) = told("\n".join([header, *lines[:2], lines[2].replace("\t", sign), *lines[3:]]))
    assert line.startswith("samples.tsv, row 4: found 'somatic-1 ")
    assert "one cell with blanks in it; allowed: columns separated by tabs" in line


def test_shards_take_shard_size_samples_in_sheet_order(checked):
    settings = checked(shard_size=4)
    names = tuple(row["sample"] for row in rows())
    assert settings.shards == {"s0001": names[:4], "s0002": names[4:]}
    assert settings.samples["shard"].tolist() == ["s0001"] * 4 + ["s0002"] * 2


def test_rows_of_one_sample_take_one_place(checked):
    two = [rows()[0] | {"channels": "PolII"}, rows()[0] | {"channels": "DNA"}]
    assert checked(two + rows()[1:], shard_size=4).shards == checked(shard_size=4).shards


@given(size=st.integers(1, 5), own=st.lists(st.sampled_from(["", "mine", "yours"]), min_size=6, max_size=6))
def test_naming_a_shard_moves_no_other_sample(tmp_path_factory, size, own):
    folder = tmp_path_factory.mktemp("shards")
    (folder / "a.bin").touch()

    def shard_of(sheet: list[Row]) -> dict[str, str]:
        (folder / "samples.tsv").write_text(as_text(sheet), encoding="utf-8")
        samples = check(CONFIG | {"shard_size": size}, folder).samples
        return dict(zip(samples["sample"], samples["shard"], strict=True))

    automatic = shard_of(rows())
    mixed = shard_of([row | {"shard": shard} for row, shard in zip(rows(), own, strict=True)])
    for row, shard in zip(rows(), own, strict=True):
        assert mixed[row["sample"]] == (shard or automatic[row["sample"]])


def test_rows_added_at_the_end_change_no_earlier_shard(checked):
    before = checked(shard_size=2).shards
    after = checked(rows(4), shard_size=2).shards
    assert {name: after[name] for name in before} == before


def test_shards_of_a_long_sheet_grow_and_stay_when_it_gets_longer(checked):
    sheet = [rows()[k % 6] | {"sample": f"s{k}", "path": simulated(f"s{k}")} for k in range(20_000)]
    before, after = checked(sheet[:5_000]).shards, checked(sheet).shards
    sizes = [len(members) for members in after.values()][:-1]
    assert sizes == sorted(sizes)
    assert (sizes[:128], max(sizes)) == ([16] * 128, 128)
    *full, last = before
    assert {name: after[name] for name in full} == {name: before[name] for name in full}
    assert after[last][: len(before[last])] == before[last]


def test_a_shard_named_like_an_automatic_one_is_refused(told):
    assert told(changed(1, shard="s0007")) == [
        "samples.tsv, row 3, shard: found 's0007', a name of an automatic shard; allowed: any other name"
    ]


def test_a_shard_named_like_the_file_of_another_is_refused(told):
    assert told(changed(1, shard="A.h5")) == [
        "samples.tsv, row 3, shard: found 'A.h5', which ends like the file of a shard; allowed: a name that does not "
        "end in .h5"
    ]


# --- mistakes in the config -------------------------------------------------------------------------------------------

EXPERIMENT = {"classes": ["somatic", "hiPSC"]}

CONFIG_MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown key": ({"sed": 1}, ["config: sed: ", "did you mean 'seed'"]),
    "unknown nested key": ({"drift": {"methods": "rcc"}}, ["config: drift.methods: ", "did you mean 'method'"]),
    "key one level too high": (
        {"experiments": {"foo": {"batch_size": 3}}},
        ["experiments.foo.batch_size: ", "under 'training'"],
    ),
    "wrong type": ({"seed": "one"}, ["config: seed: ", "'one'", "a whole number"]),
    "boolean for a number": ({"seed": True}, ["config: seed: ", "true", "a whole number"]),
    "number as text": (
        {"defaults": EXPERIMENT | {"training": {"learning_rate": "1e-3"}}},
        ["defaults.training.learning_rate: ", "'1e-3'", "write 0.001"],
    ),
    "class that is no text": ({"defaults": {"classes": [True, "hiPSC"]}}, ["defaults.classes[0]: ", "true", "quotes"]),
    "section that is no mapping": ({"drift": "rcc"}, ["config: drift: ", "'rcc'", "segment_frames"]),
    "section of an experiment that is no mapping": (
        {"experiments": {"foo": {"augmentation": "voxels"}}},
        ["experiments.foo.augmentation: ", "'voxels'", "rotate"],
    ),
    "section within a section that is no mapping": (
        {"experiments": {"foo": {"attribution": {"nucleoli": [1]}}}},
        ["experiments.foo.attribution.nucleoli: ", "[1]", "a mapping"],
    ),
    "out of range": ({"experiments": {"foo": {"folds": 1}}}, ["experiments.foo.folds: ", "found 1,", "at least 2"]),
    "infinite": ({"drift": {"pixel_nm": float("inf")}}, ["drift.pixel_nm: ", "above 0"]),
    "not a number": ({"predict": {"coverage": float("nan")}}, ["predict.coverage: ", "above 0 and below 1"]),
    "unknown value": ({"nuclei": {"method": "densiti"}}, ["nuclei.method: ", "'densiti'", "did you mean 'density'"]),
    "unknown network": ({"defaults": EXPERIMENT | {"network": "resnet"}}, ["defaults.network: ", "densenet121"]),
    "range of three": ({"quality": {"photons": [1, 2, 3]}}, ["quality.photons: ", "[1, 2, 3]", "[lowest, highest]"]),
    "negative limit": ({"quality": {"photons": [-1, None]}}, ["quality.photons[0]: ", "found -1", "at least 0"]),
    "reversed range": ({"quality": {"sigma_nm": [9, 3]}}, ["quality.sigma_nm: ", "[9, 3]", "no larger than highest"]),
    "reversed quantiles": ({"quality": {"photons": ["q0.9", "q0.1"]}}, ["quality.photons: ", "no larger than highest"]),
    "reversed extra range": ({"quality": {"extra": {"z": [9, -3]}}}, ["quality.extra.z: ", "no larger than highest"]),
    "no quantile": ({"quality": {"photons": ["q2", None]}}, ["quality.photons[0]: ", "'q2'", "quantile such as q0.01"]),
    "experiment with a long name": ({"experiments": {"e" * 201: {}}}, ["experiments.eee", "at most 200"]),
    "name with a line end": ({"experiments": {"a\n": {}}}, ["experiments: ", "'a<U+000A>'", "control"]),
    "render named as a folder": ({"renders": {"views": {"voxel_nm": 200}}}, ["renders.views: ", "any other name"]),
    "control character in a class": (
        {"experiments": {"foo": {"classes": ["somatic", "hi\0PSC"]}}},
        ["experiments.foo.classes[1]: ", "'hi<U+0000>PSC'", "control character"],
    ),
    "control character in a key": ({"quality": {"extra": {"a\0": [1, 2]}}}, ["quality.extra: ", "'a<U+0000>'"]),
    "column without a name": ({"quality": {"extra": {"/chi2": [1, 2]}}}, ["quality.extra./chi2: ", "HDF5"]),
    "column of a dot": ({"nuclei": {"method": "column", "column": "."}}, ["nuclei.column: ", "HDF5"]),
    "extra with an own key": ({"quality": {"extra": {"photons": [1, 2]}}}, ["quality.extra", "'photons'", "no key"]),
    "merging without radius": ({"quality": {"merge": {"radius_nm": 0}}}, ["quality.merge.radius_nm: ", "above 0"]),
    "reversed area": ({"nuclei": {"area_um2": [9, 3]}}, ["nuclei.area_um2: ", "[9, 3]", "no larger than highest"]),
    "name with a blank": ({"experiments": {"a b": {}}}, ["experiments.a b: ", "'a b'", "letters, digits"]),
    "no experiment": ({"experiments": {}}, ["config: experiments: ", "at least one experiment"]),
    "channel twice": ({"channels": ["DNA", "DNA"]}, ["config: channels: ", '["DNA", "DNA"]', "each once"]),
    "voxel too small": ({"renders": {"fine": {"voxel_nm": 4}}}, ["renders.fine.voxel_nm: ", "found 4", "at least 5"]),
    "uneven canvas": (
        {"renders": {"r": {"voxel_nm": 30, "canvas_nm": 1000}}},
        ["renders.r.canvas_nm: ", "found 1000", "multiple of voxel_nm (30)", "990"],
    ),
    "unknown render": (
        {"renders": {"overview200": {}}, "experiments": {"foo": {"render": "overview20"}}},
        ["experiments.foo.render: ", "'overview20'", "did you mean 'overview200'"],
    ),
    "unknown inherited render": (
        {"renders": {"coarse": {}}, "defaults": EXPERIMENT | {"render": "x"}},
        ["experiments.foo.render (from defaults.render): ", "'x'", "coarse"],
    ),
    "no render among several": (
        {"renders": {"a": {}, "b": {}}, "experiments": {"foo": {"views": None}}},
        ["experiments.foo.render: ", "missing", "a, b"],
    ),
    "neither views nor render": (
        {"experiments": {"foo": {"views": None}}},
        ["experiments.foo.views: ", "null, and no render", "the name of a render"],
    ),
    "neither views nor render of its own": (
        {"experiments": {"bar": {}, "foo": {"views": None}}},
        ["experiments.foo.views: ", "null, and no render", "the name of a render"],
    ),
    "views beside a render": (
        {"renders": {"a": {}}, "experiments": {"foo": {"render": "a", "views": {"context": None}}}},
        ["experiments.foo.views: ", "beside render 'a'", "one of the two"],
    ),
    "inherited views beside an inherited render": (
        {"renders": {"a": {}}, "defaults": EXPERIMENT | {"render": "a", "views": {"context": None}}},
        ["experiments.foo.views (from defaults.views): ", "beside render 'a'", "one of the two"],
    ),
    "views without a view": (
        {"experiments": {"foo": {"views": {"detail": None, "context": None}}}},
        ["experiments.foo.views: ", "detail and context null", "at least one of the two"],
    ),
    "crop that is no whole number of voxels": (
        {"experiments": {"foo": {"views": {"detail": {"size_nm": 3210}}}}},
        ["experiments.foo.views.detail.size_nm: ", "found 3210", "multiple of voxel_nm (20)", "such as 3200"],
    ),
    "inherited crop that is no whole number of voxels": (
        {"defaults": EXPERIMENT | {"views": {"detail": {"voxel_nm": 30}}}},
        ["experiments.foo.views (from defaults.views).detail.size_nm: ", "found 3200", "voxel_nm (30)", "3210"],
    ),
    "crop that is no whole number of planes": (
        {"experiments": {"foo": {"views": {"dimensions": 3, "detail": {"depth_nm": 820}}}}},
        ["experiments.foo.views.detail.depth_nm: ", "found 820", "voxel_z_nm (50)"],
    ),
    "nucleus that is no whole number of planes": (
        {"experiments": {"foo": {"views": {"dimensions": 3, "context": {"depth_nm": 900}}}}},
        ["experiments.foo.views.context.depth_nm: ", "found 900", "voxel_z_nm (200)"],
    ),
    "crop too small for its network": (
        {"experiments": {"foo": {"views": {"detail": {"size_nm": 400, "network": "densenet121"}}}}},
        ["experiments.foo.views.detail.size_nm: ", "found 400, 20 voxels", "'densenet121'", "580 nm"],
    ),
    "crop too flat for its network": (
        {"experiments": {"foo": {"network": "densenet121", "views": {"dimensions": 3}}}},
        ["experiments.foo.views.detail.depth_nm: ", "found 800, 16 voxels", "'densenet121'", "1450 nm"],
    ),
    "render named like that of a context": (
        {"renders": {"context200": {"voxel_nm": 100}}},
        ["renders.context200: ", "kept for the context of experiments.foo", "any other name"],
    ),
    "unknown network of a view": (
        {"experiments": {"foo": {"views": {"detail": {"network": "densenet"}}}}},
        ["experiments.foo.views.detail.network: ", "'densenet'", "did you mean 'densenet"],
    ),
    "view that is no mapping": (
        {"experiments": {"foo": {"views": {"context": 3, "detail": None}}}},
        ["experiments.foo.views.context: ", "found 3", "or null"],
    ),
    "views that are no mapping": (
        {"experiments": {"foo": {"views": "detail"}}},
        ["foo.views: ", "'detail'", "or null"],
    ),
    "voxels of a context too small": (
        {"experiments": {"foo": {"views": {"context": {"voxel_nm": 1}}}}},
        ["experiments.foo.views.context.voxel_nm: ", "found 1,", "at least 5"],
    ),
    "epochs": (
        {"defaults": EXPERIMENT | {"training": {"epochs": 60}}},
        ["defaults.training.epochs: ", "no longer a key", "`steps`"],
    ),
    "level of augmentation": (
        {"experiments": {"foo": {"augmentation": {"level": "voxels"}}}},
        ["experiments.foo.augmentation.level: ", "no longer a key", "before they are binned"],
    ),
    "neighbourhoods": (
        {"experiments": {"foo": {"network": "neighbourhoods"}}},
        ["experiments.foo.network: ", "'neighbourhoods', which is gone", "detail of `views`"],
    ),
    "no classes": ({"defaults": {}}, ["experiments.foo.classes: ", "missing", "at least two labels"]),
    "one class": ({"experiments": {"foo": {"classes": ["hiPSC"]}}}, ["experiments.foo.classes: ", '["hiPSC"]', "two"]),
    "class twice": ({"defaults": {"classes": ["a", "a"]}}, ["defaults.classes: ", '["a", "a"]', "each once"]),
    "class without samples": (
        {"experiments": {"foo": {"classes": ["somatc", "hiPSC"]}}},
        ["experiments.foo.classes: ", "'somatc'", "samples.tsv", "did you mean 'somatic'"],
    ),
    "unknown channel of an experiment": (
        {"experiments": {"foo": {"channels": ["PolI"]}}},
        ["experiments.foo.channels: ", "'PolI'", "did you mean 'PolII'"],
    ),
    "channel of no file": ({"channels": ["PolII", "DNA", "H3"]}, ["config: channels: ", "'H3'", "PolII, DNA"]),
    "unknown nuclei channel": ({"nuclei": {"channel": "DNAA"}}, ["nuclei.channel: ", "'DNAA'", "did you mean 'DNA'"]),
    "no nuclei column": ({"nuclei": {"method": "column"}}, ["nuclei.column: ", "null", "method: column"]),
    "malformed mapping": ({"ingest": {"columns": "x=a,y"}}, ["ingest.columns: ", "'x=a,y'", "x=x_col[nm]"]),
    "unknown unit": ({"ingest": {"columns": "x=a[km],y=b"}}, ["ingest.columns: ", "[km]", "nm, um, px"]),
    "unknown fate of a bad file": ({"ingest": {"on_bad_file": "skp"}}, ["ingest.on_bad_file: ", "did you mean 'skip'"]),
    "crosstalk of an unknown channel": (
        {"ingest": {"crosstalk": {"fractions": {"PolII": {"DNAA": 0.1}}}}},
        ["ingest.crosstalk.fractions.PolII: ", "'DNAA'", "did you mean 'DNA'"],
    ),
    "crosstalk with itself": (
        {"ingest": {"crosstalk": {"fractions": {"DNA": {"DNA": 0.1}}}}},
        ["ingest.crosstalk.fractions.DNA: ", "itself"],
    ),
    "crosstalk in percent": (
        {"ingest": {"crosstalk": {"fractions": {"PolII": {"DNA": 8}}}}},
        ["ingest.crosstalk.fractions.PolII.DNA: ", "found 8", "at most 0.5"],
    ),
    "crosstalk without fractions": ({"ingest": {"crosstalk": {}}}, ["ingest.crosstalk.fractions: ", "missing"]),
    "beads without a table": (
        {"ingest": {"alignment": {}}},
        ["ingest.alignment.bead_table: ", "null", "method: beads"],
    ),
    "unknown reference": (
        {"ingest": {"alignment": {"method": "cross_correlation", "reference": "DNAA"}}},
        ["ingest.alignment.reference: ", "'DNAA'", "did you mean 'DNA'"],
    ),
    "unknown origin": (
        {"experiments": {"foo": {"init_from": "fooo"}}},
        ["experiments.foo.init_from: ", "'fooo'", "null"],
    ),
    "origin is itself": ({"experiments": {"foo": {"init_from": "foo"}}}, ["experiments.foo.init_from: ", "itself"]),
    "too many folds": (
        {"experiments": {"foo": {"folds": 4}}},
        ["experiments.foo.folds: ", "found 4", "3 replicates", "somatic: 3, hiPSC: 3", "lower folds to 3"],
    ),
    "missing sheet": ({"samples": "sample.tsv"}, ["sample.tsv: ", "no such", "did you mean 'samples.tsv'"]),
    "sheet is a folder": ({"samples": "."}, [".: ", "cannot be read"]),
}


@pytest.mark.parametrize("mistake", CONFIG_MISTAKES)
def test_a_mistake_in_the_config_is_one_line_with_place_and_value(told, mistake):
    config, expected = CONFIG_MISTAKES[mistake]
    (line,) = told(**config)
    assert all(part in line for part in expected), line


def test_a_circle_of_experiments_is_told_for_each_of_them(told):
    circle = {"a": {"init_from": "b"}, "b": {"init_from": "c"}, "c": {"init_from": "a"}, "d": {"init_from": "a"}}
    lines = told(experiments=circle)
    assert [line.split(":")[1].strip() for line in lines] == [f"experiments.{name}.init_from" for name in "abc"]
    assert "a <- b <- c <- a" in lines[0]


@pytest.mark.parametrize("key", ["samples", "channels", "experiments"])
def test_a_missing_required_key_is_told(tmp_path, checked, key):
    checked()
    with pytest.raises(AinuError, match=f"^config: {key}: missing"):
        check({name: value for name, value in CONFIG.items() if name != key}, tmp_path)


def test_a_config_that_is_no_mapping_is_refused(tmp_path):
    with pytest.raises(AinuError, match="found null, allowed: a mapping"):
        check(None, tmp_path)  # type: ignore[arg-type]


def test_messages_name_the_configs_file(tmp_path, checked):
    checked()
    with pytest.raises(AinuError, match=r"^config/my\.yaml: seed: "):
        check(CONFIG | {"seed": -1}, tmp_path, source="config/my.yaml")


def test_a_value_that_is_no_multiple_only_by_rounding_is_accepted(checked):
    renders = {"r": {"voxel_nm": 12.8, "canvas_nm": 12800}}
    assert checked(renders=renders, experiments={"foo": {"render": "r"}}).experiment("foo").render == "r"


# --- mistakes in the sheet --------------------------------------------------------------------------------------------

SHEET_MISTAKES: dict[str, tuple[list[Row], list[str]]] = {
    "empty cell": (changed(0, path=""), ["samples.tsv, row 2, path: empty"]),
    "empty replicate": (
        [*rows(), rows()[0] | {"sample": "extra", "path": simulated("extra"), "replicate": ""}],
        ["row 8, replicate: empty"],
    ),
    "sample name": (changed(1, sample="a b"), ["row 3, sample: ", "'a b'", "letters, digits"]),
    "missing file": (changed(1, path="no.bin"), ["row 3, path: ", "'no.bin'", "no such file"]),
    "file is a folder": (changed(1, path="."), ["row 3, path: ", "'.'", "a folder"]),
    "missing roi": (changed(1, roi="no.zip"), ["row 3, roi: ", "'no.zip'", "no such file"]),
    "unknown format": (changed(1, format="insigt3"), ["row 3, format: ", "'insigt3'", "did you mean 'insight3'"]),
    "unknown role": (
        [*rows(), rows()[0] | {"sample": "extra", "path": simulated("extra"), "role": "tset"}],
        ["row 8, role: ", "'tset'", "train, test", "did you mean 'test'"],
    ),
    "pixel size": (changed(1, pixel_size_nm="160,5"), ["row 3, pixel_size_nm: ", "'160,5'", "a number above 0"]),
    "pixel size of zero": (changed(1, pixel_size_nm="0.0"), ["row 3, pixel_size_nm: ", "'0.0'", "a number above 0"]),
    "code without a name": (changed(1, channels="1:PolII,DNA"), ["row 3, channels: ", "'1:PolII,DNA'", "code:name"]),
    "name without a code": (changed(1, channels=":DNA"), ["row 3, channels: ", "':DNA'", "code:name"]),
    "code twice": (changed(1, channels="1:DNA,1:PolII"), ["row 3, channels: ", "'1:DNA,1:PolII'", "twice"]),
    "channel twice in a file": (changed(1, channels="1:DNA,2:DNA"), ["row 3, channels: ", "'1:DNA,2:DNA'", "twice"]),
    "mapping without y": (changed(1, columns="x=a"), ["row 3, columns: ", "'x=a'", "y is missing"]),
    "mapping with an unknown key": (changed(1, columns="x=a,y=b,q=c"), ["row 3, columns: ", "'q=c'", "photons"]),
    "mapping for another format": (
        changed(1, columns="x=a,y=b", format="picasso"),
        ["row 3, columns: ", "'x=a,y=b'", "'picasso'", "format table only"],
    ),
    "sample of 250 characters": (changed(1, sample="s" * 250), ["row 3, sample: ", "(250 characters)", "at most 120"]),
    "shard of 101 characters": (changed(1, shard="s" * 101), ["row 3, shard: ", "(101 characters)", "at most 100"]),
    "shard named as a file": (changed(1, shard="summary.tsv"), ["row 3, shard: ", "'summary.tsv'", "any other name"]),
    "NUL in a replicate": (changed(1, replicate="r\0"), ["row 3, replicate: ", "'r<U+0000>'", "control character"]),
    "escape in a label": (
        [*rows(), rows()[0] | {"sample": "x", "path": simulated("x"), "label": "\x1b[0m"}],
        ["row 8, label: ", "'<U+001B>[0m'", "control character"],
    ),
    "NUL in a path": (changed(1, path="a\0.bin"), ["row 3, path: ", "'a<U+0000>.bin'", "control character"]),
    "blank in a sample": (changed(1, sample="a b.bin"), ["row 3, sample: ", "blanks instead of a tab?"]),
    "label with a bar": (
        [*rows(), rows()[0] | {"sample": "x", "path": simulated("x"), "label": "a|b"}],
        ["row 8, label: ", "'a|b'", "without '|'", "prediction set"],
    ),
    "shard name": (changed(1, shard="a/b"), ["row 3, shard: ", "'a/b'", "letters, digits"]),
    "repeated channel": (
        [*rows(), rows()[0] | {"channels": "DNA"}],
        ["row 8, channels: ", "'DNA' again", "'somatic-0'", "row 2"],
    ),
    "lacking channel": (
        changed(0, channels="PolII"),
        ["row 2, channels: ", "found PolII", "'somatic-0'", "DNA too", "experiments.foo"],
    ),
    "lacking channel of the hold-out": (
        [
            *rows(),
            rows()[0]
            | {
                "sample": "held-out",
                "path": simulated("held-out"),
                "replicate": "r9",
                "role": "test",
                "channels": "PolII",
            },
        ],
        ["row 8, channels: ", "'held-out'", "DNA too"],
    ),
}


@pytest.mark.parametrize("mistake", SHEET_MISTAKES)
def test_a_mistake_in_the_sheet_is_one_line_with_row_column_and_value(told, mistake):
    sheet, expected = SHEET_MISTAKES[mistake]
    (line,) = told(sheet)
    assert all(part in line for part in expected), line


@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        ("label", "somatic", "hiPSC"),
        ("replicate", "r0", "r1"),
        ("role", "", "test"),
        ("shard", "a", ""),
        ("roi", "a.bin", "b"),
    ],
)
def test_rows_of_one_sample_must_agree(told, tmp_path, column, first, second):
    (tmp_path / "b").touch()
    parts = [{"channels": "PolII", column: first}, {"channels": "DNA", column: second}]
    (line,) = told([*rows(4), *(rows()[0] | {"sample": "two", "path": simulated("two")} | part for part in parts)])
    assert line.startswith(f"samples.tsv, rows 10-11, {column}: ")
    assert repr(second) in line
    assert "'two'" in line


def test_a_file_in_two_samples_is_told_whatever_its_spelling(told):
    sheet = changed(2, path="results/../results/simulated/somatic-0.bin")
    assert told(sheet) == [
        "samples.tsv, row 4, path: found 'results/../results/simulated/somatic-0.bin' for the sample 'somatic-1', "
        "which is the file of the sample 'somatic-0' (row 2); allowed: each file in one sample"
    ]


def test_a_file_for_two_channels_of_one_sample_is_accepted(checked):
    checked([*rows()[1:], *(rows()[0] | {"channels": channels} for channels in ("1:PolII", "2:DNA"))])


def test_a_replicate_that_is_trained_on_and_held_out_is_told(told):
    assert told([*rows(4)[:-1], rows(4)[-1] | {"role": "test"}]) == [
        "samples.tsv, row 9, role: found 'test' for the replicate 'r3', which has 'train' in row 8; "
        "allowed: one role for all samples of a replicate"
    ]


def test_a_replicate_of_two_batches_is_told(told):
    batches = ["mon"] * 3 + [""] * 3
    assert told([row | {"batch": batch} for row, batch in zip(rows(3), batches, strict=True)]) == [
        "samples.tsv, row 5, batch: found 'mon' in row 4 and '' in row 5 for the replicate 'r1'; "
        "allowed: one batch for all samples of a replicate"
    ]


def test_an_experiment_is_told_what_differs_from_the_one_it_starts_from(told):
    renders = {"fine": {"voxel_nm": 20, "canvas_nm": 12000}, "coarse": {"voxel_nm": 100, "canvas_nm": 12000}}
    bar = {"init_from": "foo", "render": "coarse", "channels": ["DNA"]}
    assert told(renders=renders, experiments={"foo": {"render": "fine"}, "bar": bar}) == [
        "config: experiments.bar.init_from: found 'foo', where voxel_nm of the render is 20, not 100 as of the render "
        "here; allowed: an experiment with the same voxel_nm",
    ]


def test_views_start_from_views_of_the_same_voxels(told, checked):
    finer = {"views": {"detail": {"voxel_nm": 10}}}
    assert told(experiments={"foo": {}, "bar": finer | {"init_from": "foo"}}) == [
        "config: experiments.bar.init_from: found 'foo', where voxel_nm of the detail is 20, not 10 as of the detail "
        "here; allowed: an experiment with the same voxel_nm"
    ]
    alone = {"render": "coarse", "init_from": "foo"}
    own = {"foo": {"views": {"detail": None}}, "bar": alone, "crops": {"views": {"context": None}}}
    checked(renders={"coarse": {"voxel_nm": 200}}, experiments=own)
    (line,) = told(renders={"coarse": {"voxel_nm": 200}}, experiments=own | {"bar": alone | {"init_from": "crops"}})
    assert "where voxel_nm of the detail is 20, not 200 as of the render here" in line


def test_an_experiment_may_start_from_one_with_another_render_of_the_same_voxels(checked):
    renders = {"small": {"voxel_nm": 100, "canvas_nm": 12000}, "large": {"voxel_nm": 100, "canvas_nm": 24000}}
    checked(renders=renders, experiments={"foo": {"render": "small"}, "bar": {"init_from": "foo", "render": "large"}})


def test_an_outline_in_one_row_of_a_sample_is_enough(checked):
    two = [rows()[0] | {"channels": "PolII", "roi": "a.bin"}, rows()[0] | {"channels": "DNA"}]
    checked(two + [row | {"roi": "a.bin"} for row in rows()[1:]], nuclei={"method": "roi"})


def test_samples_without_an_outline_are_told_for_method_roi(told):
    assert told(changed(2, roi="a.bin"), nuclei={"method": "roi"}) == [
        "samples.tsv, rows 2-3, 5-7, roi: empty; needed: an ImageJ .roi or .zip (nuclei.method is roi)"
    ]


def test_a_class_with_too_few_replicates_is_told_with_what_to_add(told):
    (line,) = told(
        [*rows(3), rows()[0] | {"sample": "more", "path": simulated("more"), "replicate": "r9"}],
        experiments={"foo": {"folds": 4}},
    )
    for part in (
        "experiments.foo.folds: found 4",
        "class 'hiPSC' has 3",
        "4 are needed",
        "holds 'hiPSC'",
        "folds to 3",
    ):
        assert part in line


def test_inner_folds_need_replicates_too(told, checked):
    def sweep(folds):
        over = {"network": ["ainu-small"]}
        return {"foo": {"folds": folds, "sweep": {"over": over, "inner_folds": 2}}}

    checked(rows(3), experiments=sweep(3))
    first, second = told(rows(3), experiments=sweep(2))
    assert first.startswith("config: experiments.foo.sweep.inner_folds: found 2, but class 'somatic' has 1 replicates")
    assert "'hiPSC'" in second


def test_replicates_of_the_hold_out_do_not_count(told):
    sheet = [row | {"role": "test" if row["replicate"] == "r0" else "train"} for row in rows()]
    (line,) = told(sheet)
    assert "2 replicates" in line


def test_a_class_whose_samples_are_all_held_out_has_none(told):
    held_out = {"role": "test", "replicate": "r9"}
    sheet = [row | (held_out if row["label"] == "hiPSC" else {}) for row in rows()]
    (line,) = told(sheet)
    assert "experiments.foo.classes (from defaults.classes): found 'hiPSC'" in line


def test_codes_may_hold_colons_and_slashes(checked):
    text = "Alexa405/Alexa647:PolII,a:b:DNA"
    assert checked([row | {"channels": text} for row in rows()]).rows("somatic-0")[0]["channels"] == text


def test_brackets_in_the_name_of_a_column_without_unit_are_accepted(checked):
    text = "x=x [nm],y=y [nm],photons=intensity [photon],frame=t[1],keep=a+b"
    assert checked([row | {"columns": text} for row in rows()]).rows("somatic-0")[0]["columns"] == text


def test_the_same_mistake_in_many_rows_is_one_line(told):
    assert len(told([row | {"format": "bin"} for row in rows()])) == 1


def test_missing_and_unknown_columns_are_told_with_a_suggestion(told):
    text = as_text(rows()).replace("channels", "channel").replace("replicate", "notes")
    missing_channels, missing_replicate, channel, notes = told(text)
    assert "samples.tsv, row 1: missing column 'channels'" in missing_channels
    assert "missing column 'replicate'" in missing_replicate
    assert "unknown column 'channel'" in channel
    assert "did you mean 'channels'" in channel
    assert "unknown column 'notes'" in notes


def test_mistakes_in_cells_are_told_beside_missing_columns(told):
    lines = told([{key: cell for key, cell in row.items() if key != "label"} for row in changed(1, path="no.bin")])
    assert ["missing column 'label'" in lines[0], "row 3, path" in lines[1]] == [True, True]


def test_a_column_twice_is_told(told):
    assert "column 'label' found 2 times" in told(as_text(rows()).replace("replicate", "label"))[-1]


def test_a_row_with_too_many_cells_is_told(told):
    (line,) = told(as_text(rows()) + "\t".join([*rows(4)[-1].values(), "surplus"]))
    assert line == "samples.tsv, row 8: found 6 cells, allowed: 5, as in the header"


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_sheet_separated_by_other_signs_gets_one_hint(told, separator):
    (line,) = told(as_text(rows()).replace(",", "").replace("\t", separator))
    assert "tab" in line
    assert repr(separator) in line


@pytest.mark.parametrize("content", ["", "\n\n", "\t".join(COLUMNS) + "\n", "\ufeff"])
def test_an_empty_sheet_is_told(told, content):
    (line,) = told(content)
    assert line.startswith("samples.tsv: empty")


def test_a_sheet_that_is_not_utf8_is_told(told):
    (line,) = told(as_text(rows()).encode("utf-16"))
    assert "samples.tsv: not UTF-8" in line


def test_a_quotation_mark_without_its_pair_is_told(told):
    lines = told(as_text(rows()).replace("results", '"results', 1))
    assert any("row 2, path: " in line and "quotation mark" in line for line in lines)


def test_row_numbers_count_empty_rows(told):
    header, first, *others = as_text(changed(1, path="no.bin")).splitlines()
    (line,) = told("\n".join([header, first, "", "", *others]))
    assert line.startswith("samples.tsv, row 5, path: ")


# --- many at once -----------------------------------------------------------------------------------------------------


def test_all_mistakes_of_config_and_sheet_are_told_at_once(told):
    sheet = changed(1, path="no.bin", format="x")
    lines = told(sheet, seed=-1, drift={"methods": 1}, experiments={"foo": {"folds": 9}, "bar": {"render": "x"}})
    places = [
        "seed",
        "drift.methods",
        "experiments.foo.folds",
        "experiments.bar.render",
        "row 3, path",
        "row 3, format",
    ]
    assert len(lines) == len(places)
    assert all(sum(f"{place}: " in line for line in lines) == 1 for place in places)


def test_an_invalid_value_causes_no_further_line(told):
    assert len(told(defaults={"classes": "somatic", "folds": "many"})) == 2
    assert len(told(channels="DNA")) == 1
    assert len(told(experiments={"foo": 3})) == 1


def test_every_wrong_row_of_a_large_sheet_is_told(told):
    n = 20_000
    sheet = [
        rows()[k % 6] | {"sample": f"s{k}", "path": simulated(f"s{k}") if k % 4 else f"no{k}.bin"} for k in range(n)
    ]
    lines = told(sheet)
    assert len(lines) == n // 4
    assert lines[-1].startswith(f"samples.tsv, row {n - 4 + 2}, path: ")


def test_a_large_valid_sheet_keeps_every_row(checked):
    n = 20_000
    sheet = [rows()[k % 6] | {"sample": f"s{k}", "path": simulated(f"s{k}")} for k in range(n)]
    settings = checked(sheet, shard_size=16)
    assert len(settings.samples) == n
    assert len(settings.shards) == n // 16
    assert sum(len(settings.rows(sample)) for shard in settings.shards.values() for sample in shard) == n


# --- schemas and docs -------------------------------------------------------------------------------------------------


def mappings_of(spec: Any) -> list[dict[str, Any]]:
    """Every schema of a mapping with named keys."""
    if not isinstance(spec, dict):
        return []
    here = [spec] if isinstance(spec.get("properties"), dict) else []
    return here + [found for part in spec.values() for found in mappings_of(part)]


def keys_of(name: str) -> set[str]:
    """Every key that a schema names, however deep."""
    return {key for spec in mappings_of(schema(name)) for key in spec["properties"]}


@pytest.mark.parametrize("name", ["config", "samples"])
def test_schemas_are_valid_json_schemas(name):
    jsonschema.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", ["config", "samples"])
def test_every_mapping_of_a_schema_refuses_unknown_keys(name):
    mappings = mappings_of(schema(name))
    assert mappings
    assert all(spec["additionalProperties"] is False for spec in mappings)


def test_every_default_is_allowed_by_its_own_schema():
    root = schema("config")
    found = [spec | {"$defs": root["$defs"]} for part in mappings_of(root) for spec in part["properties"].values()]
    found += [spec | {"$defs": root["$defs"]} for spec in root["$defs"].values()]
    with_default = [spec for spec in found if "default" in spec]
    assert len(with_default) > 20
    for spec in with_default:
        jsonschema.validate(spec["default"], spec, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", ["config", "samples"])
def test_every_key_has_a_description_of_one_line(name):
    root = schema(name)
    for part in mappings_of(root):
        for key, spec in part["properties"].items():
            target = root["$defs"][spec["$ref"].rpartition("/")[2]] if "$ref" in spec else {}
            assert len((target | spec)["description"].splitlines()) == 1, key


def test_the_readme_names_every_key_and_column():
    text = (REPOSITORY / "config/README.md").read_text(encoding="utf-8")
    named = {name.rpartition(".")[2] for name in re.findall(r"`([a-z0-9_.]+)`", text)}
    keys = keys_of("config") | keys_of("samples")
    assert keys - named <= {"training", "augmentation", "transfer", "audit", "attribution"}
    assert all(f"`{section}." in text for section in ("training", "augmentation", "transfer", "attribution"))


def test_the_readme_gives_defaults_and_choices_as_the_schema_does():
    text = (REPOSITORY / "config/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \| `(.+?)` \| (.+?) \|", text, re.MULTILINE)
    assert len(rows) > 80
    root = schema("config")
    specs = [
        (key, spec | root["$defs"].get(spec.get("$ref", "").rpartition("/")[2], {}))
        for part in mappings_of(root)
        for key, spec in part["properties"].items()
    ]
    for name, default, allowed in rows:
        if name in {"audit.network", "attribution.nucleoli"}:  # told in words
            continue
        own = [spec for key, spec in specs if key == name.rpartition(".")[2]]
        choices = [{str(choice) for choice in spec.get("enum", []) if choice is not None} for spec in own]
        assert any(
            spec.get("default") in (yaml.safe_load(default), "unset") and chosen <= set(re.findall(r"[\w-]+", allowed))
            for spec, chosen in zip(own, choices, strict=True)
        ), name


def test_the_shipped_config_names_every_key():
    text = (REPOSITORY / "config/config.yaml").read_text(encoding="utf-8")
    assert {key for key in keys_of("config") if not re.search(rf"\b{key}:", text)} == set()


def test_the_sheets_formats_are_the_readers():
    assert set(schema("samples")["properties"]["format"]["enum"]) == {"", *FORMATS}


def test_the_networks_of_the_config_are_those_of_the_catalogue():
    found = schema("config")["$defs"]
    assert set(found["network"]["enum"]) == set(CATALOGUE)
    assert set(found["audit"]["properties"]["network"]["enum"]) - {None} == set(CATALOGUE)
    assert set(found["network_of_view"]["enum"]) - {None} == set(CATALOGUE)


def test_the_methods_of_the_config_are_those_of_the_catalogue():
    methods = schema("config")["$defs"]["attribution"]["properties"]["methods"]
    named = re.fullmatch(r"\^\(smoothgrad-\)\?\((.*)\)\$", methods["items"]["pattern"])
    assert named
    assert set(named[1].split("|")) == set(BASE)


def test_checking_never_imports_torch():
    code = "import sys, ainu.settings.check; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "src", check=False).returncode == 0


STACK = {"voxel_nm": 100, "canvas_nm": 1000, "dimensions": 3, "voxel_z_nm": 100, "depth_nm": 1000}


def test_an_experiment_takes_a_render_of_three_dimensions(checked):
    own = {"foo": {"render": "stack"}}
    assert checked(renders={"stack": STACK}, experiments=own).experiment("foo").render == "stack"


def test_localizations_are_changed_for_counts_only(told, checked):
    gaussian = {"r": {"voxel_nm": 100, "canvas_nm": 12000, "kernel": "gaussian"}}
    assert told(renders=gaussian, experiments={"foo": {"render": "r", "augmentation": {"jitter": 1}}}) == [
        "config: experiments.foo.augmentation.jitter: found 1 with a render of kernel 'gaussian', which holds no "
        "localizations; allowed: 0"
    ]
    changes = {"jitter": 1, "thin": 0.5, "drop_background": 0.5, "shift_nm": 100}
    assert checked(experiments={"foo": {"augmentation": changes}}).experiment("foo").augmentation.thin == 0.5


def test_initial_weights_come_from_one_place(told):
    experiments = {"foo": {}, "bar": {"init_from": "foo", "transfer": {"weights": "w.safetensors"}}}
    assert told(experiments=experiments) == [
        "config: experiments.bar.transfer.weights: found 'w.safetensors' beside init_from 'foo'; "
        "allowed: one of the two"
    ]


@pytest.mark.parametrize(
    ("network", "method", "allowed"),
    [
        (
            "efficientnet-b0",
            "deep_lift",
            "a list of saliency, input_x_gradient, integrated_gradients, gradient_shap, grad_cam, occlusion",
        ),
        ("vit", "grad_cam", "a list of saliency, input_x_gradient, integrated_gradients, gradient_shap, occlusion"),
    ],
)
def test_attribution_that_a_network_has_nothing_for_is_told(told, checked, network, method, allowed):
    own = {"network": network, "attribution": {"methods": [method, "integrated_gradients"]}}
    (line,) = told(experiments={"foo": own})
    assert line == (
        f'config: experiments.foo.attribution.methods: found ["{method}"] with network {network!r}; allowed: {allowed}'
    )
    checked(experiments={"foo": {"sweep": {"over": {"network": [network]}}}})
    checked(experiments={"foo": {"network": network}})


def test_an_unknown_attribution_method_is_told(told):
    (line,) = told(experiments={"foo": {"attribution": {"methods": ["smoothgrad-tea_leaves"]}}})
    assert line.startswith("config: experiments.foo.attribution.methods[0]: found 'smoothgrad-tea_leaves', allowed: ")


def test_nucleoli_are_sought_in_a_channel_that_the_network_sees(told):
    own = {"channels": ["PolII"], "attribution": {"nucleoli": {"channel": "DNA"}}}
    (line,) = told(experiments={"foo": own})
    assert line.startswith("config: experiments.foo.attribution.nucleoli.channel: found 'DNA', allowed: PolII")


def test_pretrained_weights_have_to_be_there(told):
    (line,) = told(experiments={"foo": {"transfer": {"weights": "w.safetensors"}}})
    found = "config: experiments.foo.transfer.weights: found 'w.safetensors', which is no file"
    assert line == f"{found}; allowed: a .safetensors file"


SWEPT = {
    "network": ["densenet121", "ainu-small"],
    "render": ["coarse", "fine", "small"],
    "channels": [["PolII", "DNA"], ["DNA"]],
    "training.batch_size": [8, 16],
    "training.optimizer": ["adamw", "sgd"],
    "training.learning_rate": [0.001, 0.01],
    "augmentation.rotate": ["any", "right"],
    "views.detail.voxel_nm": [10, 20],
    "views.detail.network": ["vgg", None],
    "views.context.voxel_nm": [100, 200],
}


@pytest.mark.parametrize("key", SWEPT)
def test_what_a_sweep_may_try(checked, told, key):
    renders = {
        "coarse": {"voxel_nm": 200, "canvas_nm": 12800},
        "fine": {"voxel_nm": 100, "canvas_nm": 12800},
        "small": {"voxel_nm": 200, "canvas_nm": 9600},
    }

    def tried(values: list[Any]) -> dict[str, Any]:
        seen = {} if key.startswith("views") else {"render": "coarse"}
        return {"foo": seen | {"sweep": {"over": {key: values}}}}

    found = checked(renders=renders, experiments=tried(SWEPT[key])).config.experiments
    runs = [run for name, run in found.items() if name.startswith("foo--")]
    assert [plain(attrgetter(key)(run)) for run in runs] == SWEPT[key]
    assert any("bad" in line for line in told(experiments=tried(["bad"])))


def test_runs_of_a_sweep_whose_values_read_the_same_keep_names_of_their_own(checked):
    experiments = {"foo": {"sweep": {"over": {"training.learning_rate": [0.001, 1e-3, 0.01]}}}}
    found = checked(experiments=experiments).config.experiments
    assert list(found) == ["foo"] + [f"foo--learning_rate-{rate}" for rate in ("0.001", "0.001.2", "0.01")]


def test_a_sweep_is_checked_run_by_run(told, checked):
    sweep = {"over": {"network": ["ainu-small", "vgg"], "training.steps": [3]}}
    found = checked(experiments={"foo": {"sweep": sweep}}).config.experiments
    assert list(found) == ["foo", "foo--network-ainu-small--steps-3", "foo--network-vgg--steps-3"]
    assert found["foo--network-vgg--steps-3"].training.steps == 3
    (line,) = told(experiments={"foo": {"sweep": {"over": {"network": ["lenet"]}}}})
    assert line.startswith("config: experiments.foo--network-lenet.network: found 'lenet', allowed: one of")
    (line,) = told(experiments={"foo": {"sweep": {"over": ["network"]}}})
    assert line.startswith("config: experiments.foo.sweep.over: found")


def test_a_stack_beside_a_flat_render_needs_its_height(checked):
    renders = {"flat": {"canvas_nm": "fitted"}, "stack": {"dimensions": 3, "voxel_z_nm": 30, "depth_nm": None}}
    with pytest.raises(AinuError, match=r"renders\.stack\.depth_nm: missing"):
        checked(renders=renders, defaults=EXPERIMENT | {"render": "flat"})
    with pytest.raises(AinuError, match=r"renders\.stack\.depth_nm: found 1000.*voxel_z_nm \(30\)"):
        checked(renders=renders | {"stack": STACK | {"voxel_z_nm": 30}}, defaults=EXPERIMENT | {"render": "flat"})


# --- views ------------------------------------------------------------------------------------------------------------


def test_networks_see_detail_and_context_unless_told_otherwise(checked):
    foo = checked().experiment("foo")
    assert foo.views.detail.seen(2).shape == (160, 160)
    assert foo.views.context.voxel_nm == 200


def test_a_render_turns_views_off_and_views_turn_off_a_render(checked):
    own = {"foo": {"render": "coarse"}, "bar": {}, "baz": {"views": {"detail": None}}}
    found = checked(renders={"coarse": {}}, experiments=own).config.experiments
    assert [run.views is None for run in found.values()] == [True, False, False]
    assert [run.render for run in found.values()] == ["coarse", "context200", "context200"]
    inherited = checked(renders={"coarse": {}}, defaults=EXPERIMENT | {"render": "coarse"}, experiments=own)
    assert [run.views is None for run in inherited.config.experiments.values()] == [True, True, False]
    assert inherited.experiment("baz").views.detail is None


def test_a_single_render_is_that_of_an_experiment_without_views(checked):
    found = checked(renders={"coarse": {}}, experiments={"bar": {}, "foo": {"views": None}})
    assert found.experiment("foo").render == "coarse"


@pytest.mark.parametrize(
    ("views", "name", "expected"),
    [
        ({}, "context200", {"voxel_nm": 200, "canvas_nm": "fitted", "kernel": "count", "dimensions": 2}),
        ({"context": {"voxel_nm": 12.5}}, "context12_5", {"voxel_nm": 12.5, "dimensions": 2}),
        ({"context": None}, "context200", {"voxel_nm": 200, "dimensions": 2}),
        ({"dimensions": 3}, "context200-200-1600", {"dimensions": 3, "voxel_z_nm": 200, "depth_nm": 1600}),
    ],
)
def test_views_bring_the_render_of_their_whole_nuclei(checked, views, name, expected):
    settings = checked(experiments={"foo": {"views": views}})
    assert settings.experiment("foo").render == name
    assert list(settings.config.renders) == [name]
    render = plain(settings.config.renders[name])
    assert {key: render[key] for key in expected} == expected


def test_each_view_has_a_network_of_its_own_if_wanted(checked):
    own = {"network": "resnet18", "views": {"detail": {"network": "densenet121"}}}
    foo = checked(experiments={"foo": own}).experiment("foo")
    assert foo.network_name == "densenet121 for detail and resnet18 for context"
    assert checked(experiments={"foo": {"network": "vgg"}}).experiment("foo").network_name == "vgg"


def test_methods_of_attribution_fit_the_networks_of_both_views(checked, told):
    own = {"views": {"detail": {"network": "vit"}}}
    assert checked(experiments={"foo": own}).experiment("foo").attribution.methods == ("integrated_gradients",)
    (line,) = told(experiments={"foo": own | {"attribution": {"methods": ["grad_cam"]}}})
    assert "with network 'vit'" in line


def test_a_number_that_is_too_small_is_not_to_be_put_in_quotes():
    given = {"experiments": {"foo": {"attribution": {"detail_nuclei": -1}}}}
    (mistake,) = (line for line in valid_part(given)[1] if "detail_nuclei" in line)
    assert mistake.endswith("detail_nuclei: found -1, allowed: a whole number of at least 0, or all")
