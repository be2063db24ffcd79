"""Docstrings of public functions name raised errors, shapes of arrays and all parameters; ruff finds missing ones."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "ainu"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

ARRAY = re.compile(r"\b(NDArray|ndarray|Tensor|Indices)\b")
AXIS = r"(?:\w+|\.\.\.|\*\w+)"
LENGTH = rf"{AXIS}(?:(?: or | ?(?://|[-+*/]) ?){AXIS})*"
BRACKETS = re.compile(rf"\(({LENGTH}(?:, {LENGTH})*,?)\)")
KNOWN_AXIS = re.compile(r"\b[A-Zkmn]\b|\b[A-Z_]{2,}\b|\.\.\.")
"""Single letters, names of constants, and any number of axes."""
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.M)


@dataclass(frozen=True)
class Function:
    """A public function or method.

    Attributes
    ----------
    name : str
        With the classes that it is in.
    node : ast.FunctionDef
        Its syntax.
    docstring : str
        Of the function, without indentation; empty where it has none.
    """

    name: str
    node: ast.FunctionDef
    docstring: str

    @property
    def section(self) -> dict[str, str]:
        """Text of the docstring's sections by their titles."""
        _, *parts = SECTION.split(self.docstring)
        return dict(zip(parts[::2], parts[1::2], strict=True))

    @property
    def parameters(self) -> list[ast.arg]:
        """All that is named in the signature, but `self` and the like."""
        given = self.node.args
        named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        return [argument for argument in named if argument.arg not in ("self", "cls")]


def public_functions(source: str) -> Iterator[Function]:
    """Functions of a module and methods of its classes, but those with a private name on the way."""
    yield from _functions(ast.parse(source), ())


def _functions(scope: ast.Module | ast.ClassDef, place: tuple[str, ...]) -> Iterator[Function]:
    for node in scope.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            path = (*place, node.name)
            if isinstance(node, ast.ClassDef):
                yield from _functions(node, path)
            else:
                yield Function(".".join(path), node, ast.get_docstring(node) or "")


def raised(node: ast.AST) -> set[str]:
    """Classes of the errors that a function's own body raises by their name."""
    found = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.Raise) and child.exc is not None:
            found |= class_of(child.exc)
        found |= raised(child)
    return found


def class_of(error: ast.expr) -> set[str]:
    """Name of the class of a raised error, without its module; empty where it is a variable."""
    error = error.func if isinstance(error, ast.Call) else error
    name = error.attr if isinstance(error, ast.Attribute) else error.id if isinstance(error, ast.Name) else ""
    return {name} if name[:1].isupper() else set()


def gives_shape(docstring: str) -> bool:
    """Whether brackets hold a shape: `(n,)`, `(N, C, Y, X)`, `(edge // 2, ...)`, `(n)`, but not `(x, y)` or `(0)`."""
    return any(
        KNOWN_AXIS.search(inner) or inner.endswith(",") or ("," in inner and re.search(r"\d", inner))
        for inner in BRACKETS.findall(docstring)
    )


def unsaid_errors(function: Function) -> list[str]:
    told = re.findall(r"^\w.*$", function.section.get("Raises", ""), re.M)
    known = {name.rpartition(".")[2] for line in told for name in re.split(r",\s*", line.strip())}
    return [f"raises {name}, which Raises does not name" for name in sorted(raised(function.node) - known)]


def unsaid_shapes(function: Function) -> list[str]:
    annotations = [*(argument.annotation for argument in function.parameters), function.node.returns]
    arrays = any(ARRAY.search(ast.unparse(annotation)) for annotation in annotations if annotation)
    return ["takes or returns arrays and gives no shape"] if arrays and not gives_shape(function.docstring) else []


def needs_parameters(function: Function) -> bool:
    number, long = len(function.parameters), "\n" in function.docstring.strip()
    return number >= 3 or (number > 0 and long)


def unsaid_parameters(function: Function) -> list[str]:
    if "Parameters" not in function.section:
        return ["no Parameters, though it has several lines or three arguments"] if needs_parameters(function) else []
    lines = re.findall(r"^(\*{0,2}\w[\w, *]*)(?: :.*)?$", function.section["Parameters"], re.M)
    told = [name.strip().lstrip("*") for line in lines for name in line.split(",")]
    own = [argument.arg for argument in function.parameters]
    missing = [name for name in own if name not in told]
    if missing:
        return [f"Parameters lack {', '.join(missing)}"]
    by_place = [argument.arg for argument in function.node.args.args if argument.arg in own]
    in_order = [name for name in told if name in by_place] == by_place  # those by keyword may stand in groups
    return [] if in_order else ["Parameters are in another order than the signature"]


def findings(source: str) -> list[str]:
    """What is wrong with the docstrings of a module's public functions; ruff finds those that are missing."""
    return [
        f"line {function.node.lineno}, {function.name}: {finding}"
        for function in public_functions(source)
        if function.docstring
        for finding in unsaid_errors(function) + unsaid_shapes(function) + unsaid_parameters(function)
    ]


@pytest.mark.parametrize("module", MODULES)
def test_docstrings_say_errors_shapes_and_parameters(module):
    assert findings((PACKAGE / module).read_text(encoding="utf-8")) == []


# --- the check itself


def function(signature: str, docstring: str, body: str = "return 0") -> str:
    return f"def {signature}:\n" + indent(f'"""{docstring}\n"""\n{body}\n', "    ")


PARAMETERS = "Add.\n\nParameters\n----------\n{}\n"


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        (function("f()", "Stop.", "raise ValueError('x')"), "raises ValueError"),
        (
            function("f()", "Stop.\n\nRaises\n------\nKeyError\n    Never.", "raise ValueError('x')"),
            "raises ValueError",
        ),
        (function("f()", "Stop.", "raise module.OddError('x')"), "raises OddError"),
        (function("f()", "Stop.\n\nRaises\n------\nOddError\n    Or Error.", "raise Error"), "raises Error"),
        (function("f()", "Stop.\n\nRaises\n------\nKeyError\n    No\n    Error.", "raise Error"), "raises Error"),
        (function("f(x: NDArray)", "Sum of values."), "no shape"),
        (function("f(x: NDArray)", "Sum of values (nm)."), "no shape"),
        (function("f(x: NDArray)", "Sum of values (a batch of one has none)."), "no shape"),
        (function("f(x: NDArray)", "Sum of values (x, y)."), "no shape"),
        (function("f(x: NDArray)", "Sum of values, none (0)."), "no shape"),
        (function("f(a, b, c)", "Add them."), "no Parameters"),
        (function("f(a, *, b, c=1)", "Add them."), "no Parameters"),
        (function("f(a)", "Add.\n\nNothing else."), "no Parameters"),
        ("class A:\n" + indent(function("f(self, a, b, c)", "Sum."), "    "), "no Parameters"),
        (function("f() -> torch.Tensor", "Some values."), "no shape"),
        (function("f(a, b)", PARAMETERS.format("a : int\n    First.")), "lack b"),
        (function("f(a, *, b)", PARAMETERS.format("a : int\n    First.")), "lack b"),
        (function("f(a, b)", PARAMETERS.format("b : int\n    Second.\na : int\n    First.")), "another order"),
        ("class A:\n" + indent(function("f(self, x: NDArray)", "Sum."), "    "), "A.f"),
    ],
)
def test_wrong_docstrings_are_found(source, finding):
    (found,) = findings(source)
    assert finding in found


@pytest.mark.parametrize(
    "source",
    [
        function("f()", "Stop.\n\nRaises\n------\nValueError\n    Always.", "raise ValueError('x')"),
        function("f()", "Stop.\n\nRaises\n------\nOddError, KeyError\n    Always.", "raise module.OddError('x')"),
        function("f()", "Stop.\n\nRaises\n------\nmodule.OddError\n    Always.", "raise OddError"),
        function("f()", "Again.", "raise error"),
        function("f(x: NDArray)", "Sum of values (n,)."),
        function("f(x: NDArray)", "Sum of values (n)."),
        function("f(x: NDArray)", "Sum of values (edge // 2,)."),
        function("f(x: NDArray)", "Sum of values (frames, 2 or 3)."),
        function("f(x: NDArray)", "Sum of values (...)."),
        function("f(x: NDArray)", "Sum of values (BINS)."),
        function("f(x: NDArray)", "Sum of values (N, C, Y, X)."),
        function("f(a, b, *c)", PARAMETERS.format("a, b : int\n    Both.\n*c : int\n    Others.")),
        function("f(a, b)", "Add them."),
        function("f()", "Nothing.\n\nTakes nothing."),
        function("f(a, *, b, c)", PARAMETERS.format("a, c : int\n    Two.\nb : int\n    Another.")),
        function("_f(x: NDArray)", "Private.", "raise ValueError('x')"),
        "class _A:\n    def f(self, x: NDArray):\n        '''Private.'''\n",
        "def f(x: NDArray):\n    return x\n",
    ],
)
def test_right_docstrings_pass(source):
    assert findings(source) == []
