"""The code that a job uses, as one digest: its script and every module of this package that the script imports.

Comments, docstrings and layout do not count, since they change no result. What a module loads by a name that it makes
at run time cannot be read off its imports, so the module declares it::

    LOADED_AT_RUN_TIME = ("ainu.networks.vgg", "templates/*.html")

modules by their full names, other files by patterns relative to the module's folder.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ainu.errors import AinuError

PACKAGE = Path(__file__).parents[1]
DECLARATION = "LOADED_AT_RUN_TIME"
LOADERS = ("import_module", "__import__", "exec", "PackageLoader", "__file__")
"""Names by which a module loads others, or files beside itself."""


@cache
def code_digest(script: Path) -> str:
    """Digest of a script and of all that it imports from this package.

    A rule carries it as a parameter: Snakemake reruns a job whose parameters change, but knows nothing of imports.

    Parameters
    ----------
    script : Path
        A Python file.

    Returns
    -------
    str
        16 hexadecimal digits, the same for every version of Python.

    Raises
    ------
    AinuError
        The script is missing, or it or a module that it uses names a module or file that the package does not have.
    """
    digest = hashlib.sha256(_meaning(script).encode())
    for file in sorted(files_used(script)):
        digest.update(file.relative_to(PACKAGE).as_posix().encode())
        digest.update(_meaning(file).encode() if file.suffix == ".py" else file.read_bytes())
    return digest.hexdigest()[:16]


def files_used(script: Path) -> frozenset[Path]:
    """The package's modules and other files that a script uses, directly or through others.

    Parameters
    ----------
    script : Path
        A Python file.

    Returns
    -------
    frozenset of Path
        With the `__init__.py` of every package on the way, since importing a module runs them; without the script.

    Raises
    ------
    AinuError
        As for `code_digest`.
    """
    found: set[Path] = set()
    waiting = list(_used_by(script))
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _used_by(file) if file.suffix == ".py" else ()
    return frozenset(found)


@cache
def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except FileNotFoundError:
        raise AinuError(f"{file}: no such script or module") from None


@cache
def _meaning(file: Path) -> str:
    """The syntax of a file as text: what it does, whatever it looks like."""
    parts: list[str] = []
    _write(_tree(file), parts)
    return "".join(parts)


def _write(node: object, parts: list[str]) -> None:
    """Append a syntax tree as text; empty fields are left out, since versions of Python differ in these."""
    if isinstance(node, ast.AST):
        parts.append(f"{type(node).__name__}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != []:
                parts.append(f"{name}=")
                _write(value, parts)
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for part in node:
            if not _is_text_alone(part):
                _write(part, parts)
        parts.append("]")
    else:
        parts.append(f"{node!r},")


def _is_text_alone(node: object) -> bool:
    """Whether a statement is a text and nothing else, as docstrings are."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def _used_by(file: Path) -> tuple[Path, ...]:
    """What a file itself imports and declares, with the packages that these are in."""
    found: list[Path] = []
    declared = False
    for node in _run_statements(_tree(file)):
        if isinstance(node, ast.ImportFrom):
            found += _imported_from(node, file)
        elif isinstance(node, ast.Import):
            found += _imported(node, file)
        elif texts := _declaration(node, file):
            declared = True
            for text in texts:
                found += _declared(text, file)
    if not declared:
        _refuse_silent_loading(file)
    return tuple(found)


def _run_statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Every statement but those under `if TYPE_CHECKING`, which no job runs."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        if name == "body" and isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            continue
        for part in getattr(node, name, ()):
            if isinstance(part, ast.stmt):
                yield part
            yield from _run_statements(part)


def _declaration(node: ast.stmt, file: Path) -> tuple[str, ...]:
    """What a statement declares as loaded at run time; nothing for any other statement."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if not any(getattr(target, "id", None) == DECLARATION for target in targets):
        return ()
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
        return tuple(ast.literal_eval(node.value))
    raise AinuError(f"{file}, line {node.lineno}: {DECLARATION} is assigned once, as a tuple of texts")


def _refuse_silent_loading(file: Path) -> None:
    """A module that loads others by name, or files beside itself, has to declare them."""
    if not file.is_relative_to(PACKAGE) or file == PACKAGE / "__init__.py":  # whose names no module of the package uses
        return
    meaning = _meaning(file)
    for name in LOADERS:
        if f"Name(id={name!r}," in meaning:
            raise AinuError(f"{file}: uses {name} without {DECLARATION}")


def _imported(node: ast.Import, file: Path) -> list[Path]:
    names = [alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE.name]
    if PACKAGE.name in names:
        raise AinuError(f"{file}, line {node.lineno}: import the module that is used, not all of {PACKAGE.name}")
    return [path for name in names for path in _chain(name, file)]


def _imported_from(node: ast.ImportFrom, file: Path) -> list[Path]:
    where = f"{file}, line {node.lineno}"
    if node.level:
        raise AinuError(f"{where}: a relative import; write the full name of the module")
    if node.module is None or node.module.split(".")[0] != PACKAGE.name:
        return []
    found = _chain(node.module, file)
    for alias in node.names:
        inner = _file(f"{node.module}.{alias.name}")
        if inner:
            found.append(inner)
        elif node.module == PACKAGE.name:
            raise AinuError(f"{where}: import {alias.name!r} from the module that it is in")
        elif alias.name not in _bound(found[-1]):
            raise AinuError(f"{where}: {node.module} has no {alias.name!r}")
    return found


@cache
def _bound(file: Path) -> frozenset[str]:
    """Names that a module binds at its top level, also under `if`, `try` and `with`."""
    names = set()
    for node in _top_level(_tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        else:
            names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return frozenset(names)


def _top_level(node: ast.AST) -> Iterator[ast.stmt]:
    for name in ("body", "orelse", "finalbody", "handlers"):
        for part in getattr(node, name, ()):
            if isinstance(part, ast.If | ast.Try | ast.With | ast.ExceptHandler):
                yield from _top_level(part)
            elif isinstance(part, ast.stmt):
                yield part


def _declared(text: str, file: Path) -> list[Path]:
    if text.split(".")[0] == PACKAGE.name:
        return _chain(text, file)
    found = sorted(file.parent.glob(text))
    if not found:
        raise AinuError(f"{file}: {DECLARATION} names {text!r}, which is not there")
    return found


def _chain(module: str, user: Path) -> list[Path]:
    """The file of a module and those of the packages that it is in."""
    parts = module.split(".")
    found = [_file(".".join(parts[:n])) for n in range(1, len(parts) + 1)]
    if None in found:
        raise AinuError(f"{user}: uses {module}, which is not a module of this package")
    return [file for file in found if file]


def _file(module: str) -> Path | None:
    """Where a module of the package lies; None where there is none of that name."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    files = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)
