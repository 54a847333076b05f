"""
Lint: what can be known wrong of templates and fragments before anybody gets them.

Pure. Used by ``documents.check`` as its ``lint``: it sees every document that would be live, and
speaks of those that were written (they have a file). What is doubtful is a warning (``advice``).

Rule 1. Syntax, filters, and variables whose root is none of the scope's, are errors; so are members
        that a place, or what ``nearest`` gives, never has.
Rule 2. A fragment that is not there, or that renders itself through others, is an error, in
        documents that are live already too: a new version of a fragment may break them.
Rule 3. What a fragment names must come with the message, or be handed to it by somebody.
Rule 4. A template with ``location`` fields whose purpose the policy does not allow them for is an
        error at the field (spec/consent.md section 3).
Rule 5. A link that no rendering would let out is an error; where links lead is ``dead_links``.
Rule 6. Marketing that begins with what only looks like the label of a policy is an error.
Rule 7. A template that ``confirms`` has its link on every channel; no other has one. The other
        answer links (``unsubscribe``, ``preferences``) may stand anywhere.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from liquid import Environment, RenderContext
from msgspec import Struct

from fencepost_gateway.content import advice, language, links, nearest
from fencepost_gateway.content.authored import CHANNELS, MARKUP, Source, is_dynamic, sources_of
from fencepost_gateway.content.budget import BudgetedTemplate, parts_of
from fencepost_gateway.content.dead_links import dead_links
from fencepost_gateway.content.fragments import FragmentNode, names_in
from fencepost_gateway.content.labels import lookalike
from fencepost_gateway.content.scope import ANSWERS, CONFIRM, ROOTS
from fencepost_gateway.decide.place import FenceView, place_facts
from fencepost_gateway.documents.document import Document
from fencepost_gateway.documents.kinds import Finding

_LINK: Final = re.compile(r"\{\{-?\s*confirm\.link\b")
_PLACE_MEMBERS: Final = tuple(place_facts(FenceView("")))
_LOCATION: Final = frozenset({"place", *nearest.ROOTS})
_KINDS: Final = ("template", "fragment")
Found = tuple[Document, Finding]


class _Shelf(Struct, frozen=True):
    """What the texts of all documents are read against."""

    environment: Environment
    fragments: Mapping[str, Document]
    handed: Mapping[str, frozenset[str]]
    location_for: frozenset[str]
    labels: tuple[Mapping[str, Any], ...]


def lint_documents(documents: Sequence[Document]) -> Iterator[Found]:
    """Find what is wrong, and what is doubtful, with the content among all documents."""
    shelf = _shelf(documents)
    for document in documents:
        if document.kind not in _KINDS:
            continue
        yield from ((document, finding) for finding in _references(document, shelf))
        if document.origin.file:
            yield from ((document, finding) for finding in _lint(document, shelf))
    yield from advice.advise(documents)


def lint_template(body: Mapping[str, object]) -> Iterator[Finding]:
    """Find what is wrong with the Liquid of one template."""
    document = Document("template", "", {"kind": "template", **body})
    yield from _lint(document, _shelf([]))


def _shelf(documents: Iterable[Document]) -> _Shelf:
    environment = language.environments(language.WITHHOLDING).plain
    kept = [each for each in documents if each.kind in _KINDS]
    fragments = {each.id: each for each in kept if each.kind == "fragment"}
    policies = [each.body for each in documents if each.kind == "policy"]
    allowed = next((each.get("location_fields") for each in policies), None)
    location_for = frozenset(allowed if allowed is not None else ("marketing", "transactional"))
    handed = _handed(kept, environment) if fragments else {}
    labels = tuple(each["label"] for each in policies if each.get("label"))
    return _Shelf(environment, fragments, handed, location_for, labels)


def _handed(documents: Iterable[Document], environment: Environment) -> dict[str, frozenset[str]]:
    """Give what each fragment is handed by those that render it."""
    handed: dict[str, set[str]] = {}
    for document in documents:
        for source in sources_of(document):
            if not any(names_in(source.text)):
                continue
            try:
                template = language.parse(environment, source.text)
            except language.ParseError:
                continue
            for node in _fragment_nodes(template):
                scope = node.partial_scope()
                if scope is not None:
                    handed.setdefault(str(scope.name), set()).update(map(str, scope.in_scope))
    return {name: frozenset(names) for name, names in handed.items()}


def _fragment_nodes(template: BudgetedTemplate) -> Iterator[FragmentNode]:
    context = RenderContext(template)
    for node in template.nodes:
        for part in parts_of(node, context):
            if isinstance(part, FragmentNode):
                yield part


def _references(document: Document, shelf: _Shelf) -> Iterator[Finding]:
    """Find fragments that are not there, and those that render themselves (Rule 2)."""
    for source in sources_of(document):
        for name in dict.fromkeys(names_in(source.text)):
            line = _line(source, f'"{name}"')
            if name not in shelf.fragments:
                near = difflib.get_close_matches(name, sorted(shelf.fragments), 1)
                how = f"did you mean {near[0]}?" if near else "write the fragment, or take it out"
                yield Finding(source.path, f"there is no fragment {name[:64]}{line}", how)
            elif document.kind == "fragment" and document.id in _reached(name, shelf):
                what = f"fragment {document.id} renders itself through {name[:64]}{line}"
                yield Finding(source.path, what, "take one of the two out of the other")


def _reached(name: str, shelf: _Shelf) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each in found or each not in shelf.fragments:
            continue
        found.add(each)
        for source in sources_of(shelf.fragments[each]):
            waiting += names_in(source.text)
    return found


def _lint(document: Document, shelf: _Shelf) -> Iterator[Finding]:
    purpose = str(document.body.get("purpose", ""))
    for source in sources_of(document):
        try:
            template = language.parse(shelf.environment, source.text)
        except language.ParseError as error:
            how = f"mend the Liquid, line {error.line} of this text"
            yield Finding(source.path, error.what, how)
            continue
        yield from _lint_names(document, source, template, shelf)
        yield from _lint_links(source)
        yield from dead_links(source)
        if purpose == "marketing":
            yield from _lint_lookalikes(source, shelf)
        if purpose and purpose not in shelf.location_for:
            yield from _lint_labels(source, template, shelf, purpose)
    yield from _lint_confirmation(document)


def _lint_confirmation(document: Document) -> Iterator[Finding]:
    """Find channels of a confirmation that have no link to confirm by (Rule 7)."""
    if not document.body.get("confirms"):
        return
    linked = {s.path[0] for s in sources_of(document) if _LINK.search(s.text)}
    for channel in CHANNELS:
        if document.body.get(channel) is not None and channel not in linked:
            how = "write {{ confirm.link }} where the receiver finds it"
            yield Finding((channel,), "it confirms, and has no link to confirm by", how)


def _lint_names(
    document: Document, source: Source, template: BudgetedTemplate, shelf: _Shelf
) -> Iterator[Finding]:
    analysis = template.analyze(include_partials=False)
    own: frozenset[str] = frozenset()
    if document.kind == "fragment":
        own = shelf.handed.get(document.id, frozenset()) | {"forloop"}
    for root, uses in analysis.globals.items():
        if root == CONFIRM and root not in own:
            if not document.body.get("confirms"):
                how = "write confirms: marketing, which this link answers, or take it out"
                yield Finding(source.path, "confirm in a template that confirms nothing", how)
        elif root not in ROOTS and root not in own:
            yield _unknown_root(document, source, root)
        for use in uses:
            yield from _lint_members(source, root, [str(each) for each in use.segments])
    for name in analysis.filters:
        if name not in shelf.environment.filters:
            near = difflib.get_close_matches(name, language.FILTERS, 1)
            how = f"did you mean {near[0]}?" if near else "take it out"
            yield Finding(source.path, f"unknown filter {name[:64]}{_line(source, name)}", how)


def _unknown_root(document: Document, source: Source, root: str) -> Finding:
    near = difflib.get_close_matches(root, ROOTS, 1)
    how = f"did you mean {near[0]}?" if near else f"begin with one of: {', '.join(ROOTS)}"
    if document.kind == "fragment" and not near:
        how = f'hand it over: render "{document.id}", {root[:64]}: …'
    return Finding(source.path, f"unknown variable {root[:64]}{_line(source, root)}", how)


def _lint_members(source: Source, root: str, segments: Sequence[str]) -> Iterator[Finding]:
    """Find members that a place, what ``nearest`` gives, or an answer link never has."""
    if root in (CONFIRM, *ANSWERS) and list(segments[1:]) != ["link"]:
        what = f"{root} has a link and nothing else{_line(source, root)}"
        yield Finding(source.path, what, f"write {{{{ {root}.link }}}}")
    depth, known = 1, _PLACE_MEMBERS
    if root in nearest.ROOTS:
        depth, known = 2, (*_PLACE_MEMBERS, *nearest.OWN_MEMBERS)
    elif root != "place":
        return
    if len(segments) <= depth:
        if depth > 1:
            what = f"{root} needs a {'tag' if root == nearest.BY_TAG else 'library'} and a member"
            how = f"write {root}.{segments[1] if len(segments) > 1 else 'studio'}.name"
            yield Finding(source.path, what + _line(source, root), how)
        return
    member = segments[depth]
    if member in known:
        return
    near = difflib.get_close_matches(member, known, 1)
    how = f"own data is under {'.'.join([*segments[:depth], 'meta', member[:64]])}"
    how += f"; did you mean {near[0]}?" if near else ""
    yield Finding(source.path, f"a place has no {member[:64]}{_line(source, member)}", how)


def _lint_links(source: Source) -> Iterator[Finding]:
    member = source.path[-1]
    if member == "link" and source.text.strip() and not is_dynamic(source.text):
        if not links.is_allowed(source.text, source.text):
            how = "write https://…, /path, or a scheme of your app"
            yield Finding(source.path, "no message may open this link", how)
    elif member in MARKUP and not links.html_is_allowed(source.text):
        how = "use https, mailto, tel, cid or an anchor"
        yield Finding(source.path, "an address in the HTML may not be sent", how)


def _lint_lookalikes(source: Source, shelf: _Shelf) -> Iterator[Finding]:
    """Find a text that begins with what only looks like a label (Rule 6)."""
    for label in shelf.labels:
        text = lookalike(source.text, label["text"], label.get("refuse", ()))
        if text:
            what = f"it begins with {text}, which is no label"
            yield Finding(source.path, what, "take it out: the label is put in for you")


def _lint_labels(
    source: Source, template: BudgetedTemplate, shelf: _Shelf, purpose: str
) -> Iterator[Finding]:
    """Find fields with the label ``location`` that the policy keeps from a purpose (Rule 4)."""
    used = {root: root for root in language.roots_of(template) & _LOCATION}
    for name in names_in(source.text):
        for each in _reached(name, shelf):
            for inner in sources_of(shelf.fragments[each]):
                try:
                    roots = language.roots_of(language.parse(shelf.environment, inner.text))
                except language.ParseError:
                    continue
                used |= {root: f"fragment {each}, {root}" for root in roots & _LOCATION}
    for root, spot in sorted(used.items()):
        what = f"{spot} says where the person is: not allowed in a {purpose} template"
        how = f"take it out, or add {purpose} to location_fields of the policy"
        yield Finding(source.path, what + _line(source, root), how)


def _line(source: Source, word: str) -> str:
    """Say in which line of a text of several lines a word stands."""
    at = source.text.find(word)
    if at < 0 or "\n" not in source.text.strip():
        return ""
    return f" (line {source.text.count(chr(10), 0, at) + 1} of this text)"
