"""Clones of the project in folders of their own, and the small config that most workflow tests run."""

import hashlib
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from loaded import environment, outside_digests

from ainu.files import sha256

ROOT = Path(__file__).parents[2]
NO_OUTPUTS = ("results/logs/", "results/benchmarks/", "results/provenance/", "results/README.md")
PARTS = ("Snakefile", "workflow", "src", "resources", "envs", "slurm", "profiles")
ENDINGS = (".bin", ".csv", ".txt", ".hdf5")
CODES = {".bin": "1:PolII,2:DNA", ".csv": "0:PolII,1:DNA", ".txt": "PolII:PolII,DNA:DNA", ".hdf5": "0:PolII,1:DNA"}


@dataclass(frozen=True)
class Project:
    """A clone of the project in a folder of its own."""

    folder: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the folder."""
        command = self.command(*arguments)
        return subprocess.run(
            command, cwd=self.folder, env=environment(self.folder), capture_output=True, text=True, timeout=1800
        )

    def command(self, *arguments: str) -> list[str]:
        """The command line of a run."""
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake in a process group of its own, and do not wait for it."""
        log = (self.folder / "started.log").open("ab")
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # ignored where pytest is in the background
        )

    def run(self, *arguments: str) -> None:
        """Run Snakemake, which has to succeed; no job may load what the digest of its code does not hold."""
        done = self.snakemake(*arguments, "--quiet", "rules")
        assert done.returncode == 0, done.stderr[-3000:]
        assert outside_digests(self.folder) == {}

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs that a run would start, per rule; but for the record, which follows whatever runs."""
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stderr[-3000:]
        table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\n\n", done.stdout + done.stderr, re.S)
        counts = [line.split() for line in table.group(1).splitlines()] if table else []
        return {name: int(number) for name, number in counts if name not in ("total", "all", "record")}

    def config(self) -> dict:
        return yaml.safe_load((self.folder / "config" / "config.yaml").read_text())

    def write_config(self, config: dict) -> None:
        (self.folder / "config" / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def outputs(self, below: str = "results") -> dict[str, str]:
        """Digest of every output below a folder, but for logs and times, which differ from run to run."""
        root = self.folder / below
        files = [path for path in sorted(root.rglob("*")) if path.is_file()]
        names = {path.relative_to(self.folder).as_posix(): path for path in files}
        return {
            name: sha256(path)
            for name, path in names.items()
            if not name.startswith(NO_OUTPUTS) and path.name != ".snakemake_timestamp"
        }

    def digest(self) -> str:
        """What tells a clone from one of other code, settings or packages."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()] + [ROOT / "requirements.txt"]
        told = [f"{path.name} {sha256(path)}" for path in files]
        return hashlib.sha256("\n".join([sys.version, *told]).encode()).hexdigest()[:16]

    def copy(self, folder: Path) -> "Project":
        """The same project, results and records included, elsewhere."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)


def small_config() -> dict:
    """12 nuclei, 3 replicates, three folds, four steps on coarse crops and images; little of what can be counted."""
    return {
        "samples": "config/samples.tsv",
        "shard_size": 6,
        "channels": ["PolII", "DNA"],
        "experiments": {
            "small": {
                "classes": ["somatic", "hiPSC"],
                "views": {"detail": {"voxel_nm": 40, "size_nm": 1280}, "context": {"voxel_nm": 400}},
                "folds": 3,
                "training": {"steps": 4, "batch_size": 4},
                "audit": {"networks": ["merged_blinks", "outline"], "baseline_permutations": 20, "resolution": [50]},
                "attribution": {"steps": 2, "samples": 2, "sanity_nuclei": 2, "detail_nuclei": 4},
            }
        },
    }


def small_sheet() -> str:
    rows = ["sample\tpath\tchannels\tlabel\treplicate\tpixel_size_nm"]
    for k in range(12):
        label, replicate, ending = ("somatic", "hiPSC")[k % 2], f"r{k // 2 % 3}", ENDINGS[k % 4]
        path = f"results/simulated/n{k}{ending}"
        rows.append(f"n{k}\t{path}\t{CODES[ending]}\t{label}\t{replicate}\t{160 if ending == '.bin' else ''}")
    return "\n".join(rows) + "\n"


def clone(folder: Path) -> Project:
    """What a newcomer clones, without config."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    (folder / "config").mkdir()
    return Project(folder)


def clone_of_the_demo(folder: Path) -> Project:
    """What a newcomer clones, with the shipped config and sheet."""
    project = clone(folder)
    for name in ("config.yaml", "samples.tsv"):
        shutil.copy(ROOT / "config" / name, folder / "config" / name)
    return project
