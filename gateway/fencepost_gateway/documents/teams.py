"""
Teams: which documents the key of a team may write and read, and what it is told of others.

Pure. A team owns the libraries that are live and name it as ``team``.

Rule 1. A team writes fences and nothing else, and both ends count: the library where a fence would
        be, and the one where it is, or was before its archive. So no fence is moved in or out
        without an operator, and no library changes its rank or its owner by the key of a team.
Rule 2. One thing that it may not write refuses them all, each by its name.
Rule 3. Nothing of others is told but that an id is taken, since fences share their ids. Neither
        library nor content of what has it, nor which document of others a change would break; what
        is not the team's and what is not there is refused in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from fencepost_gateway.documents.document import Document, Problem, StoredDocument, problem_in

OTHERS = Problem(
    file="",
    what="a live document of others would no longer be right",
    how="leave the tags of the fence as they are, or let an operator publish this",
)


class Team(Struct, frozen=True):
    """A team and the libraries it owns."""

    name: str
    libraries: frozenset[str]

    def owns(self, document: StoredDocument | Document) -> bool:
        """Say whether a document is a fence of one of its libraries."""
        return document.kind == "fence" and library_of(document.body) in self.libraries

    def may_read(self, document: StoredDocument) -> bool:
        """Say whether a document is a fence of its own, or one of its libraries."""
        is_library = document.kind == "library" and document.id in self.libraries
        return is_library or self.owns(document)


def team_named(name: str, live: Iterable[StoredDocument]) -> Team:
    """Give the team with what it owns; a library without a team is nobody's."""
    owned = (d.id for d in live if d.kind == "library" and name and d.body.get("team") == name)
    return Team(name, frozenset(owned))


def library_of(body: Mapping[str, Any]) -> str:
    """Give the library of a fence's body, empty if it has none."""
    return str(body.get("properties", {}).get("library") or "")


def strange(
    team: Team, documents: Sequence[Document], newest: Mapping[str, StoredDocument]
) -> list[Problem]:
    """
    Find the documents that a team may not write (rules 1 and 2).

    Args:
        team: Whose key it is.
        documents: What it would write.
        newest: The newest version of each fence with the id of one of them, also when archived.

    """
    found = []
    for document in documents:
        old = newest.get(document.id)
        if document.kind != "fence":
            what, how = "the key of a team writes fences only", "take it out, or ask an operator"
        elif not team.owns(document):
            what = f"its library is none of team {team.name}"
            how = f"write library: and one of: {', '.join(sorted(team.libraries)) or 'none yet'}"
        elif old is not None and not team.owns(old):
            what = f"the id is taken by a fence that is not of team {team.name}"
            how = "give it another id, or ask an operator"
        else:
            continue
        found.append(problem_in(document, (), what, how))
    return found


def not_owned(team: Team, kind: str, name: str) -> Problem:
    """Refuse a document that is to be archived, in the same words whether it is there or not."""
    what = f"team {team.name} has no such fence in its libraries"
    return Problem("", what, "check the id, or ask an operator", f"{kind} {name}")


def veiled(problems: Sequence[Problem]) -> list[Problem]:
    """Tell of the problems in documents of others only that there are some (Rule 3)."""
    own = [problem for problem in problems if problem.file]
    return own if len(own) == len(problems) else [*own, OTHERS]
