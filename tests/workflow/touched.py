"""A project that needs every rule: with all outputs there, though empty (plans depend on names, settings and code
alone), or to be run for real."""

import re
from copy import deepcopy
from pathlib import Path

from project import Project, clone, small_config, small_sheet

from ainu import simulate
from ainu.localizations.formats import writers

# Sample, label, role and replicate.
TO_PREDICT = (("new", "", "train", "r8"), ("held1", "somatic", "test", "r9"), ("held2", "hiPSC", "test", "r9"))


def touched_project(folder: Path) -> Project:
    """Every rule of the workflow in one project whose outputs are there and empty."""
    project = project_of_every_rule(folder)
    for name, *_ in TO_PREDICT:
        (folder / f"raw-{name}.csv").write_text('"frame","x [nm]","y [nm]"\n1,2,3\n')
    touch_outputs(project)
    return project


def whole_project(folder: Path) -> Project:
    """Every rule of the workflow in one project that can be run."""
    project = project_of_every_rule(folder)
    for number, (name, label, *_) in enumerate(TO_PREDICT):
        field, _ = simulate(label or "mock", 900 + number)
        writers.write_thunderstorm(field, folder / f"raw-{name}.csv")
    return project


def project_of_every_rule(folder: Path) -> Project:
    """Unlabelled nuclei, a held-out test set, a sweep, a learning study, exports and more; without raw files."""
    project = clone(folder)
    config = small_config()
    own = config["experiments"]["small"]
    config["renders"] = {"tiny": {"voxel_nm": 400}}
    whole = {key: deepcopy(value) for key, value in own.items() if key != "views"} | {"render": "tiny"}
    config["experiments"]["nets"] = whole | {"sweep": {"over": {"training.steps": [2, 4]}, "inner_folds": 2}}
    own |= {"study": {"sizes": ["all"], "draws": 1}, "audit": own["audit"] | {"network_permutations": 1}}
    config["export"] = {"formats": ["picasso", "ome_tiff"]}
    project.write_config(config)
    (folder / "config" / "samples.tsv").write_text(sheet_with_samples_to_predict())
    return project


def sheet_with_samples_to_predict() -> str:
    """The small sheet, one nucleus without a label, and two of the held-out test set."""
    header, *rows = small_sheet().splitlines()
    rows = [row + "\t" for row in rows]
    rows += [f"{name}\traw-{name}.csv\t0:PolII,1:DNA\t{label}\t{of}\t\t{role}" for name, label, role, of in TO_PREDICT]
    return "\n".join([header + "\trole", *rows]) + "\n"


def touch_outputs(project: Project) -> None:
    """Make every output of the workflow, empty, and let Snakemake take it for its own."""
    done = project.snakemake("--summary")
    assert done.returncode == 0, done.stderr[-3000:]
    for line in done.stdout.splitlines()[1:]:
        path = project.folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if path.suffix else path.mkdir(exist_ok=True)
    project.run("--touch", "--forceall", "--cores", "1000", "--scheduler", "greedy")


def rules_after(project: Project) -> dict[str, set[str]]:
    """Every rule that the project needs, and the rules whose jobs come after its own."""
    done = project.snakemake("--rulegraph", "--forceall")
    assert done.returncode == 0, done.stderr[-3000:]
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', done.stdout, re.M))
    after: dict[str, set[str]] = {name: set() for name in names.values()}
    edges = [(names[a], names[b]) for a, b in re.findall(r"^\s*(\d+) -> (\d+)", done.stdout, re.M)]
    for _ in after:  # as many rounds as the longest chain can take
        for before, later in edges:
            after[before] |= {later} | after[later]
    return {name: later - {"all"} for name, later in after.items() if name != "all"}
