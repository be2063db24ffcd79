"""The record of a run: a Workflow Run RO-Crate of what went in, what was done and what came out.

Follows the profile Workflow Run Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5): one action for the run, and one for
each job that was timed. Paths in it are relative to the folder of the record.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rocrate.model import ContextEntity, File
from rocrate.rocrate import ROCrate

from ainu.errors import AinuError
from ainu.files import read_json, sha256, whole

NAME = "ro-crate-metadata.json"
WORKFLOW_RUN = "https://w3id.org/ro/wfrun"
PROFILES = (
    f"{WORKFLOW_RUN}/process/0.5",
    f"{WORKFLOW_RUN}/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
# What the numbers depend on.
SOFTWARE = ("snakemake", "torch", "monai", "captum", "numpy", "scipy", "pandas", "scikit-learn", "scikit-image", "h5py")
# Made anew by every run, or by this record, or shipped with the workflow: no results.
NO_RESULTS = ("logs", "benchmarks", "provenance", "README.md")
TIMES = {"s": "seconds", "max_rss": "peak memory in MB", "cpu_time": "seconds of CPU"}
HASHING_THREADS = 4

Tree = Mapping[str, Any]


def write_record(
    output: str | Path, config: Tree, inputs: Iterable[str], workflow: Path, results: Path = Path("results")
) -> None:
    """Write the record of a finished run.

    Parameters
    ----------
    output : path
        `ro-crate-metadata.json`; its folder is the root of the crate.
    config : mapping
        The checked config: its values become the parameters of the run.
    inputs : iterable of str
        Files that the run read and did not make: sheet, localization files, tables, models.
    workflow : Path
        The clone whose Snakefile ran.
    results : Path
        Everything below it but logs, times and this record is a result.

    Raises
    ------
    AinuError
        When an input has vanished.
    """
    given, made = sorted({Path(name) for name in inputs}), list(_results(results))
    if missing := [str(path) for path in given if not path.is_file()]:
        raise AinuError(f"{output}: inputs of the run are gone: {', '.join(missing)}")
    crate = _Record(Path(output).parent, workflow)
    digests = dict(zip([*given, *made], _digests([*given, *made]), strict=True))
    run = crate.add_run(config, {path: digests[path] for path in given}, {path: digests[path] for path in made})
    crate.add_steps(results / "benchmarks", run)
    with whole(output) as part:
        part.write_text(json.dumps(crate.metadata(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def differences(record: str | Path) -> list[str]:
    """How the files that a record names differ from it: a line for each that is gone or has other bytes.

    Parameters
    ----------
    record : path
        The `ro-crate-metadata.json` of a run.

    Returns
    -------
    list of str
        Empty where all files are as recorded.

    Raises
    ------
    AinuError
        When there is no record, or none that can be read.
    """
    record = Path(record)
    try:
        entities = read_json(record)["@graph"]
    except FileNotFoundError:
        raise AinuError(f"{record}: there is no record yet; it is written when a run is complete") from None
    except (ValueError, KeyError, TypeError):
        raise AinuError(f"{record}: not an RO-Crate's metadata; remove it and run snakemake again") from None
    recorded = {entity["@id"]: entity["sha256"] for entity in entities if "sha256" in entity}
    paths = [_located(record.parent, name) for name in recorded]
    found = _digests(paths)
    return [
        f"{os.path.relpath(path)}: {'is gone' if now is None else f'has SHA-256 {now}, recorded {before}'}"
        for path, now, before in zip(paths, found, recorded.values(), strict=True)
        if now != before
    ]


def verify(record: str | Path) -> int:
    """Number of files that a record names and that are as it says.

    Parameters
    ----------
    record : path
        The `ro-crate-metadata.json` of a run.

    Returns
    -------
    int

    Raises
    ------
    AinuError
        Names every file that is not.
    """
    if lines := differences(record):
        raise AinuError(f"{record}: {len(lines)} files differ from the record\n  " + "\n  ".join(lines))
    return sum("sha256" in entity for entity in read_json(record)["@graph"])


def _located(root: Path, name: str) -> Path:
    return Path(os.path.normpath(root / name))


def _results(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and path.relative_to(folder).parts[0] not in NO_RESULTS and not hidden:
            yield path


def _digests(paths: Sequence[Path]) -> list[str | None]:
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        return list(pool.map(lambda path: sha256(path) if path.is_file() else None, paths))


class _Record:
    """The crate under construction."""

    def __init__(self, root: Path, workflow: Path) -> None:
        self.root, self.source, self.crate = root, workflow, ROCrate()
        self.crate.name = "A run of ainu"
        self.crate.description = "Cell states distinguished by localizations: inputs, settings, steps, results"
        self.crate.license = "not stated: it is up to whoever owns the data"
        profiles = [self._context(name, {"@type": "CreativeWork", "name": name}) for name in PROFILES]
        self.crate.root_dataset["conformsTo"] = profiles
        self.workflow = self._workflow()

    def metadata(self) -> dict[str, Any]:
        """The JSON-LD."""
        return self.crate.metadata.generate()

    def add_run(self, config: Tree, given: Mapping[Path, Any], made: Mapping[Path, Any]) -> ContextEntity:
        """The action of the whole run, its inputs, parameters and results."""
        parameters = [self._parameter(name, value) for name, value in leaves(config)]
        properties: dict[str, Any] = {
            "@type": "CreateAction",
            "name": "Run of the workflow",
            "description": _machine(),
            "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
            "endTime": _time(),
        }
        run = self._context("#run", properties)
        run["instrument"] = [self.workflow, *map(self._software, SOFTWARE)]
        run["object"] = [*(self._file(path, digest) for path, digest in given.items()), *parameters]
        run["result"] = [self._file(path, digest) for path, digest in made.items()]
        self.crate.root_dataset["mentions"] = [run]
        return run

    def add_steps(self, benchmarks: Path, run: ContextEntity) -> None:
        """An action for each job that was timed."""
        steps = []
        for path in sorted(benchmarks.rglob("*.tsv")):
            name = path.relative_to(benchmarks).with_suffix("").as_posix()
            with path.open(encoding="utf-8") as file:
                measured = next(csv.DictReader(file, delimiter="\t"), None)
            if measured:
                steps.append(self._step(name, measured))
        run["hasPart"] = steps
        self.crate.root_dataset.append_to("mentions", steps)

    def _step(self, name: str, measured: Mapping[str, str]) -> ContextEntity:
        values = [
            self._context(f"#{name}/{key}", {"@type": "PropertyValue", "name": meaning, "value": measured.get(key, "")})
            for key, meaning in TIMES.items()
        ]
        properties = {"@type": "CreateAction", "name": name, "description": f"Job of the rule {name.split('/')[0]}"}
        step = self._context(f"#{name}", properties)
        step["instrument"], step["additionalProperty"] = self.workflow, values
        return step

    def _workflow(self) -> File:
        commit, changed = revision(self.source)
        snakefile = self.source / "Snakefile"
        properties = {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "ainu",
            "sha256": sha256(snakefile),
            "version": commit or "unknown: not a git clone",
            "description": f"{len(changed)} files of the clone differ from the commit" if changed else "as committed",
        }
        if changed:
            properties["keywords"] = ", ".join(changed)
        workflow = self.crate.add(File(self.crate, None, self._relative(snakefile), properties=properties))
        language = {"@type": "ComputerLanguage", "name": "Snakemake", "version": _version("snakemake")}
        workflow["programmingLanguage"] = self._context(
            "https://w3id.org/workflowhub/workflow-ro-crate#snakemake", language
        )
        self.crate.root_dataset["mainEntity"] = workflow
        return workflow

    def _file(self, path: Path, digest: str) -> File:
        properties = {"sha256": digest, "contentSize": str(path.stat().st_size), "name": str(path)}
        return self.crate.add(File(self.crate, None, self._relative(path), properties=properties))

    def _parameter(self, name: str, value: Any) -> ContextEntity:
        properties = {"@type": "PropertyValue", "name": name, "value": json.dumps(value)}
        return self._context(f"#config/{name}", properties)

    def _software(self, name: str) -> ContextEntity:
        properties = {"@type": "SoftwareApplication", "name": name, "version": _version(name)}
        return self._context(f"#software/{name}", properties)

    def _context(self, identifier: str, properties: Mapping[str, Any]) -> ContextEntity:
        return self.crate.add(ContextEntity(self.crate, identifier, properties=dict(properties)))

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path.resolve(), self.root.resolve())).as_posix()


def leaves(config: Tree, before: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a config, with dots between levels, and their values."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def revision(folder: Path) -> tuple[str | None, list[str]]:
    """Commit of a git clone, None where it is none, and the files that differ from it."""
    asked = [_git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--untracked-files=no")]
    if None in asked:
        return None, []
    return str(asked[0]).strip(), [line[3:] for line in str(asked[1]).splitlines()]


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _time() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _machine() -> str:
    """Where the record was written, in words."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    parts = [platform.platform(), _processor(), f"{os.cpu_count()} cores", f"{memory_gb:.0f} GB", *_gpus()]
    return ", ".join([*parts, f"Python {platform.python_version()}"])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _gpus() -> list[str]:
    try:
        done = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
