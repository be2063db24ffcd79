"""The package without its clone: a wheel in an empty folder, used from another one."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONFIG = {
    "samples": "samples.tsv",
    "channels": ["PolII", "DNA"],
    "experiments": {"mine": {"classes": ["a", "b"], "folds": 2}},
}
SHEET = "sample\tpath\tchannels\tlabel\treplicate\n" + "".join(
    f"s{n}\tf{n}.csv\t0:PolII,1:DNA\t{'ab'[n % 2]}\tr{n}\n" for n in range(8)
)
TABLE = "frame,x [nm],y [nm],channel\n1,100,200,0\n2,300,400,1\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that holds the installed wheel and nothing else of this project."""
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "target"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, source], check=True, cwd=wheels
    )
    (wheel,) = wheels.glob("*.whl")
    shutil.rmtree(source)
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True, cwd=wheels)
    return target


def run(installed: Path, folder: Path, code: str) -> str:
    """What code prints that uses the installed package, in a folder elsewhere."""
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_of_the_wheel_can_be_imported_and_lies_in_it(installed, tmp_path):
    code = (
        "import ainu, importlib, pkgutil\n"
        "names = [found.name for found in pkgutil.walk_packages(ainu.__path__, 'ainu.')]\n"
        "for name in names:\n"
        "    if name != 'ainu.__main__': print(importlib.import_module(name).__file__)\n"
    )
    files = run(installed, tmp_path, code).splitlines()
    assert all(Path(file).is_relative_to(installed) for file in files)
    modules = [path for path in (ROOT / "src" / "ainu").rglob("*.py") if path.parts[-2:] != ("ainu", "__init__.py")]
    assert len(files) == len(modules) - 1


def test_the_wheel_checks_a_config_against_its_schema(installed, tmp_path):
    (tmp_path / "samples.tsv").write_text(SHEET)
    for n in range(8):
        (tmp_path / f"f{n}.csv").write_text(TABLE)
    code = f"from ainu.settings.check import check; print(check({CONFIG!r}).config.experiments['mine'].folds)"
    assert run(installed, tmp_path, code) == "2\n"


def test_the_wheel_reads_a_table_and_bins_it(installed, tmp_path):
    (tmp_path / "table.csv").write_text(TABLE)
    code = (
        "import ainu\n"
        "table = ainu.read('table.csv', channels='0:PolII,1:DNA')\n"
        "print(ainu.voxelize(table, ainu.Render(voxel_nm=100, canvas_nm=1000)).sum())\n"
    )
    assert float(run(installed, tmp_path, code)) == 2


def test_the_wheel_has_the_templates_and_the_version(installed, tmp_path):
    from ainu.version import __version__

    code = (
        "from importlib.metadata import version\n"
        "from importlib.resources import files\n"
        "import ainu\n"
        "print(version('ainu'), ainu.__version__)\n"
        "print(*sorted(file.name for file in (files('ainu.report') / 'templates').iterdir()))\n"
    )
    versions, templates = run(installed, tmp_path, code).splitlines()
    assert versions.split() == [__version__, __version__]
    shipped = sorted(path.name for path in (ROOT / "src" / "ainu" / "report" / "templates").iterdir())
    assert templates.split() == shipped


def test_no_module_looks_above_the_package():
    package = ROOT / "src" / "ainu"
    for file in package.rglob("*.py"):
        assert levels_up(file.read_text()) <= len(file.relative_to(package).parts), file


@pytest.mark.parametrize(
    ("code", "levels"),
    [
        ("from a import b", 0),
        ("HERE = Path(__file__).parent", 1),
        ("HERE = Path(__file__).resolve().parents[1]", 2),
        ("HERE = Path(__file__).parent.parent", 2),
        ("HERE = Path(__file__).parents[1].parent / 'a'", 3),
        ("HERE = Path(__file__).parent\ndef above():\n    return HERE.parent.parent", 3),
        ("def part(path):\n    return path.parent.parent", 0),
    ],
)
def test_levels_up_are_counted_over_all_steps(code, levels):
    assert levels_up(code) == levels


def levels_up(code: str) -> int:
    """How far a module goes up from its own file at most, by `.parent` and `.parents[n]`."""
    tree, known = ast.parse(code), {}

    def up(node: ast.AST) -> int | None:
        match node:
            case ast.Call(func=ast.Name("Path"), args=[ast.Name("__file__")]):
                return 0
            case ast.Call(func=ast.Attribute(inner, "resolve" | "absolute")):
                return up(inner)
            case ast.Name(name):
                return known.get(name)
            case ast.Attribute(inner, "parent"):
                steps = 1
            case ast.Subscript(ast.Attribute(inner, "parents"), ast.Constant(int(n))):
                steps = n + 1
            case _:
                return None
        start = up(inner)
        return None if start is None else start + steps

    for node in tree.body:
        if isinstance(node, ast.Assign):
            known |= {to.id: up(node.value) for to in node.targets if isinstance(to, ast.Name)}
    return max(up(node) or 0 for node in ast.walk(tree))
