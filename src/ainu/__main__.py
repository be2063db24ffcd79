"""What the experiments below a results folder found: `python -m ainu [results]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ainu.files import read_json


def main(folder: Path) -> int:
    """Print a paragraph per experiment."""
    found = sorted(folder.glob("experiments/*/metrics.json"))
    for path in found:
        print(summary(path.parent.name, read_json(path)))
        print(f"  report               {path.parent / 'report.html'}\n")
    if not found:
        print(f"{folder}: no evaluated experiment; run snakemake first", file=sys.stderr)
    return 0 if found else 1


def summary(name: str, metrics: dict[str, Any]) -> str:
    """An experiment in a few lines."""
    baseline = metrics["baselines"]["confounders"]["balanced_accuracy"]
    lines = [
        f"{name}: {' against '.join(metrics['classes'])}, {metrics['n']} nuclei, {metrics['replicates']} replicates",
        f"  balanced accuracy    {_interval(metrics['metrics']['balanced_accuracy'])}, out of fold",
        f"  AUROC                {_interval(metrics['metrics']['auroc'])}",
        f"  counts and area only {_interval(baseline)} balanced accuracy",
    ]
    return "\n".join(lines + [f"  warning              {text}" for text in metrics["warnings"]])


def _interval(metric: dict[str, Any]) -> str:
    low, high = metric["ci"] or (float("nan"), float("nan"))
    return f"{metric['value']:.3f} (95 % interval {low:.3f} to {high:.3f})"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "results")))
