"""
Mermaid: a journey's picture as text that documentation and code hosts draw.

Pure. Everything an author wrote is quoted and escaped by Mermaid's entity codes, so that no name
changes the drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fencepost_gateway.documents.picture import Box, Picture, Shape

_AROUND: Final[Mapping[Shape, tuple[str, str]]] = {
    "entry": ("([", "])"),
    "message": ("[", "]"),
    "wait": ("(", ")"),
    "choice": ("{{", "}}"),
    "act": ("[/", "/]"),
    "goal": ("[[", "]]"),
    "end": ("((", "))"),
}
_ESCAPED: Final = str.maketrans({
    "#": "#35;", '"': "#quot;", "&": "#amp;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;",
    "\n": " ", "\r": " ", "{": "#123;", "}": "#125;",
})  # fmt: skip


def mermaid(picture: Picture) -> str:
    """Write a picture as a Mermaid flowchart."""
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    yield from (f"%% {_escaped(line)}" for line in (picture.name, *picture.about))
    yield "flowchart TD"
    for box in picture.boxes:
        before, after = _AROUND[box.shape]
        yield f'  {_key(box.key)}{before}"{_label(box)}"{after}'
    for arrow in picture.arrows:
        words = f'|"{_escaped(arrow.words)}"|' if arrow.words else ""
        yield f"  {_key(arrow.start)} -->{words} {_key(arrow.to)}"


def _key(key: str) -> str:
    """``end`` alone is a word of Mermaid's own."""
    return key.replace("-", "_")


def _label(box: Box) -> str:
    is_named = box.title and not box.title.isdecimal()
    lines = [f"{box.title}: {box.lines[0]}", *box.lines[1:]] if is_named else [*box.lines]
    return "<br/>".join(
        _escaped(line) for line in (*([f"[{box.stage}]"] if box.stage else []), *lines)
    )


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED)
