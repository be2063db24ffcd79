"""Write the conda environments of the jobs from their pins on standard input, as `make lock` does.

The pins are those of the package's own dependencies, without the tools of tests, lint and documentation.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
VARIANTS = {"cpu": "cpu*", "cuda": "cuda*"}


def environment(pins: Iterable[str], build: str) -> dict:
    """A conda environment whose torch is of the given build; everything else comes by pip."""
    wanted = {line.split("==")[0]: line for line in pins}
    _, version = wanted.pop("torch").split("==")
    torch = f"pytorch={version}={build}"
    return {
        "channels": ["conda-forge"],
        "dependencies": ["python=3.12", "pip", torch, {"pip": list(wanted.values())}],
    }


if __name__ == "__main__":
    lines = sys.stdin.read().splitlines()
    for name, build in VARIANTS.items():
        text = yaml.safe_dump(environment(lines, build), sort_keys=False, width=1000)
        (HERE / f"{name}.yaml").write_text(f"# Made by `make lock` from pyproject.toml and requirements.txt.\n{text}")
