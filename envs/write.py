"""Write the conda environments with the pins of the lock file: `python envs/write.py`."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
NOT_IN_JOBS = {
    "torch",
    "axe-playwright-python",
    "codespell",
    "mypy",
    "playwright",
    "pytest",
    "pytest-timeout",
    "ruff",
    "snakefmt",
}
VARIANTS = {"cpu": "cpu*", "cuda": "cuda*"}


def environment(build: str) -> dict:
    """A conda environment whose torch is of the given build; everything else comes from the lock, by pip."""
    pins = [line.strip() for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
    versions = dict(line.split(" ; ")[0].split("==") for line in pins)
    wanted = [line for line in pins if line.split("==")[0] not in NOT_IN_JOBS]
    torch = f"pytorch={versions['torch']}={build}"
    return {"channels": ["conda-forge"], "dependencies": ["python=3.12", "pip", torch, {"pip": wanted}]}


if __name__ == "__main__":
    for name, build in VARIANTS.items():
        text = yaml.safe_dump(environment(build), sort_keys=False)
        (ROOT / "envs" / f"{name}.yaml").write_text(f"# Made by envs/write.py from requirements.txt.\n{text}")
