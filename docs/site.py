"""Pages of the documentation site that are not in this folder: from elsewhere in the repository, and the reference."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from os.path import normpath, relpath
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "ainu"
ELSEWHERE = {
    "README.md": "index.md",
    "config/README.md": "config.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
"""A link to a file of this repository, with its text and its anchor."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "reference/index.md", content=_public_names()))
    for package in sorted(path.parent for path in PACKAGE.glob("*/__init__.py")):
        title = f"::: ainu.{package.name}\n    options: {{heading_level: 1}}\n"
        content = "\n".join([title, *_entries(package.rglob("*.py"))])
        files.append(File.generated(config, f"reference/{package.name}.md", content=content))
    content = "\n".join(["# Used by every stage\n", *_entries(PACKAGE.glob("*.py"))])
    files.append(File.generated(config, "reference/shared.md", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links between files of the repository lead to their pages; a file that has no page is only named."""
    place = page.file.src_uri
    source = {page: source for source, page in ELSEWHERE.items()}.get(place, f"docs/{place}")
    return LINK.sub(lambda found: _link(found, source, place), markdown)


def _link(found: re.Match, source: str, place: str) -> str:
    text, path, anchor = found[1], found[2], found[3] or ""
    target = normpath(PurePosixPath(source).parent / path)
    page = ELSEWHERE.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
    if page is None:
        return text if (ROOT / target).exists() else found[0]
    return f"[{text}]({relpath(page, PurePosixPath(place).parent)}{anchor})"


def _public_names() -> str:
    """The names that `import ainu` gives, each with its docstring."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    home = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    short = "    options: {show_root_full_path: false}\n"
    entries = [f"::: ainu.{module}.{name}\n{short}" for name, module in home.items() if not name.startswith("__")]
    return "\n".join(["# import ainu\n", ast.get_docstring(tree) or "", "", *entries])


def _entries(files: Iterable[Path]) -> Iterator[str]:
    """An entry for each module among files of the package; what a package as such says is at the top of its page."""
    for file in sorted(files):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        if not parts[-1].startswith("__"):
            yield f"::: {'.'.join(parts)}\n"
