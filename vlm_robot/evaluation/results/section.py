"""Sections that are put into a replay's report after it was written."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path


def with_section(page: str, name: str, content: str) -> str:
    """The report with a section as its last, in place of an older one of that name.

    Args:
        name: an identifier.
        content: HTML.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    head, _, rest = page.partition(begin)
    tail = rest.partition(end)[2] if rest else ""
    if not rest:
        head, script, tail = page.rpartition("<script>")
        tail = script + tail
    return f"{head}{begin}{content}{end}{tail}"


def section(name: str, title: str, rows: Iterable[Sequence[str]], image: Path | None = None) -> str:
    """HTML of a heading, a table whose last column is numbers, and a PNG."""
    cells = "".join(map(_row, rows))
    html = f'<h2 id="{name}">{escape(title)}</h2><div class="scroll"><table>{cells}</table></div>'
    if image is not None:
        data = base64.b64encode(image.read_bytes()).decode()
        html += f'<img alt="{escape(title)}" src="data:image/png;base64,{data}">'
    return html


def _row(row: Sequence[str]) -> str:
    *names, value = map(escape, row)
    cells = "".join(f"<td>{name}" for name in names)
    return f'<tr>{cells}<td class="number">{value}</tr>'
