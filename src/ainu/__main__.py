"""The results of every experiment in a results folder: `python -m ainu [results]`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from ainu.files import read_json
from ainu.intervals import Interval


def main(folder: Path) -> int:
    """Print a paragraph per experiment; the exit status is 1 where there is none."""
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
    scores = {name: Interval.of(score).text(3) for name, score in metrics["metrics"].items()}
    lines = [
        f"{name}: {' or '.join(metrics['classes'])}, {metrics['n']} nuclei, {metrics['replicates']} replicates",
        f"  balanced accuracy    {scores['balanced_accuracy']}, out of fold",
        f"  AUROC                {scores['auroc']}",
        f"  counts and area only {Interval.of(baseline).text(3)} balanced accuracy",
    ]
    return "\n".join(lines + [f"  warning              {text}" for text in metrics["warnings"]])


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` has seen enough
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "results")))
