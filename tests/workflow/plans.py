"""What Snakemake would run after an edit: many dry runs of one project, each in a fork of a process that has everything
imported but the project's own package. `python plans.py < cases.json > plans.json`, in the project's folder.

A case maps files to their text after the edit (null: the file is removed). The answer of a case maps the rules of the
plan to why their jobs run: what changed ("params", "code", "input", "missing"), or "updated" where only a job before it
does.
"""

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

FAILED = "the dry run failed"
REASONS = {
    "params have changed since last execution": "params",
    "code has changed since last execution": "code",
    "set of input files has changed since last execution": "input",
    "updated input files": "input",
    "output files have to be generated": "missing",
    "input files updated by another job": "updated",
}


@contextlib.contextmanager
def edited(files: dict[str, str | None]) -> Iterator[None]:
    """The folder with other files, while inside."""
    before = {name: Path(name).read_bytes() if Path(name).exists() else None for name in files}
    for name, text in files.items():
        Path(name).unlink(missing_ok=True) if text is None else Path(name).write_text(text)
    try:
        yield
    finally:
        for name, content in before.items():
            Path(name).unlink(missing_ok=True) if content is None else Path(name).write_bytes(content)


def dry_run(log: str) -> str:
    """What `snakemake --dry-run` prints."""
    pid = os.fork()
    if pid == 0:
        with open(log, "w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            sys.argv = ["snakemake", "--dry-run", "--cores", "2"]
            try:
                cli.main()
            except SystemExit as end:
                file.flush()
                os._exit(int(end.code or 0))
        os._exit(1)
    status = os.waitpid(pid, 0)[1]
    text = Path(log).read_text()
    return text if status == 0 else f"{FAILED}\n{text}"


def plan(text: str) -> dict[str, list[str]]:
    """Rules of a dry run's output and why their jobs run; what was said, where it failed."""
    if text.startswith(FAILED):
        return {FAILED: text.splitlines()[-20:]}
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\n\n", text, re.S)
    names = [line.split()[0] for line in table[1].splitlines()] if table else []
    rules = {name: [] for name in names if name not in ("total", "all")}
    for reason, found in re.findall(r"^    (\w[^\n]+):\n +([^\n]+)$", text.partition("\nReasons:\n")[2], re.M):
        for name in found.split(", "):
            if name in rules:
                rules[name].append(REASONS[reason])
    return rules


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    # Slow imports, done once.
    import jsonschema  # noqa: F401
    import pandas  # noqa: F401
    import pulp  # noqa: F401
    import yaml  # noqa: F401
    from snakemake import cli, report, workflow  # noqa: F401

    answers = {}
    for number, (name, files) in enumerate(cases.items()):
        with edited(files):
            answers[name] = plan(dry_run(f".plan{number}.log"))
    json.dump(answers, sys.stdout)
