"""
Kinds: which documents there are, and what is wrong with one.

Pure. The registry of models, and the translation of what they find into path, what, and how.

Rule 1. Kinds and members that come with a later issue are refused with what to use now.
Rule 2. An unknown kind or member names the nearest known one.
Rule 3. Everything wrong with a document is said at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, get_args

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from fencepost_gateway.documents.document import Path
from fencepost_gateway.documents.models.audience import Audience, Trait
from fencepost_gateway.documents.models.base import Authored
from fencepost_gateway.documents.models.brand import Brand
from fencepost_gateway.documents.models.campaign import Campaign
from fencepost_gateway.documents.models.caps import Caps
from fencepost_gateway.documents.models.event import Event
from fencepost_gateway.documents.models.experiment import Experiment
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.place import Fence, Library, Workspace
from fencepost_gateway.documents.models.policy import Policy
from fencepost_gateway.documents.models.source import Source
from fencepost_gateway.documents.models.table import Table
from fencepost_gateway.documents.models.template import Fragment, Template

M = TypeVar("M", bound=Authored)

MODELS: Final[Mapping[str, type[Authored]]] = {
    "campaign": Campaign,
    "template": Template,
    "fragment": Fragment,
    "caps": Caps,
    "policy": Policy,
    "brand": Brand,
    "fence": Fence,
    "library": Library,
    "workspace": Workspace,
    "trait": Trait,
    "audience": Audience,
    "experiment": Experiment,
    "journey": Journey,
    "table": Table,
    "source": Source,
    "event": Event,
}
# They share their ids, and all that refers to either.
SENDING: Final = ("campaign", "journey")
LATER_KINDS: Final[Mapping[str, str]] = {
    "offer": "write the offer into a template",
}
PLAYED_KINDS: Final[Mapping[str, str]] = {
    "scenario": "keep it beside the folder; `fencepost simulate` plays it",
    "expect": "keep it beside the folder; `fencepost simulate --expect` reads it",
}


class Finding(Struct, frozen=True):
    """One thing wrong inside a document's body, or doubtful: a warning stops nothing."""

    path: Path
    what: str
    how: str
    is_warning: bool = False


def validate(kind: str, body: Mapping[str, Any]) -> Authored | list[Finding]:
    """Check a body against the model of its kind."""
    return read_as(MODELS[kind], body)


def read_as(model: type[M], body: object) -> M | list[Finding]:
    """Read what people wrote as ``model`` has it, or say everything that is wrong with it."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        found = (_finding(model, body, item) for item in error.errors(include_url=False))
        return list(dict.fromkeys(found))


def unknown_kind(kind: object) -> tuple[str, str]:
    """Say what is wrong with a kind that has no model, and how to mend it."""
    if not isinstance(kind, str):
        return "the document has no kind", f"add kind: one of {', '.join(MODELS)}"
    if kind in LATER_KINDS:
        return f"{kind} comes later", LATER_KINDS[kind]
    if kind in PLAYED_KINDS:
        return f"a {kind} is played, not published", PLAYED_KINDS[kind]
    near = difflib.get_close_matches(kind, [*MODELS, *LATER_KINDS], 1)
    how = f"did you mean {near[0]}?" if near else f"write one of: {', '.join(MODELS)}"
    return f"unknown kind {kind[:64]!r}", how


def _finding(model: type[Authored], body: object, error: Any) -> Finding:
    path = tuple(_authored(body, error["loc"], is_missing=error["type"] == "missing"))
    context = error.get("ctx", {})
    match error["type"]:
        case "fencepost":
            return Finding(path, context["what"], context["how"])
        case "extra_forbidden":
            what, how = _unknown_member(model, error["loc"])
            return Finding(path, what, how)
        case "missing":
            hints = getattr(_model_at(model, error["loc"][:-1]), "hints", {})
            how = hints.get(path[-1], f"add {path[-1]}:")
            return Finding(path[:-1], f"{path[-1]} is missing", how)
        case "literal_error":
            what = f"{_shown(error['input'])} is not possible here"
            return Finding(path, what, f"write {context['expected'].replace(chr(39), '')}")
        case "string_pattern_mismatch":
            return Finding(path, "no id", _remedy_of_id(model, error["input"]))
        case "model_type" | "model_attributes_type":
            fields = _model_at(model, error["loc"]).model_fields
            how = f"write members: {', '.join(each.alias or name for name, each in fields.items())}"
            return Finding(path, f"{_shown(error['input'])} does not fit", how)
        case _:
            how = error["msg"][0].lower() + error["msg"][1:]
            return Finding(path, f"{_shown(error['input'])} does not fit", how)


def _remedy_of_id(model: type[Authored], written: object) -> str:
    """Say how to write an id; apps may call an event as they like, its document may not."""
    how = "use 1 to 64 of a-z, 0-9 and -"
    if model is MODELS["event"] and isinstance(written, str):
        how += "; what apps call it stands in event:"
    return how


def _shown(value: object) -> str:
    """Show a short value; texts may be message texts, so long ones stay out of errors."""
    short = 40
    if isinstance(value, str) and len(value) > short:
        return "this text"
    return repr(value) if isinstance(value, (str, int, float, bool)) else "this"


def _authored(body: object, loc: tuple[str | int, ...], *, is_missing: bool) -> Iterator[str | int]:
    """Keep the steps of a location that the author wrote: one entry may stand for a list."""
    here = body
    for n, step in enumerate(loc):
        if isinstance(step, int) and not isinstance(here, list):
            continue
        if isinstance(here, Mapping):
            if step not in here and not (is_missing and n == len(loc) - 1):
                continue
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int):
            here = here[step] if step < len(here) else None
        else:  # which of several forms was meant
            continue
        yield step


def _unknown_member(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[str, str]:
    name = str(loc[-1])
    owner = _model_at(model, loc[:-1])
    later: Mapping[str, str] = getattr(owner, "later", {})
    if name in later:
        return f"{name} comes later", later[name]
    known = [field.alias or key for key, field in owner.model_fields.items()]
    near = difflib.get_close_matches(name, [*known, *later], 1)
    how = f"did you mean {near[0]}?" if near else f"write one of: {', '.join(known)}"
    how = getattr(owner, "hints", {}).get(name, how)
    return f"unknown member {name[:64]}", how


def _model_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> type[BaseModel]:
    """Find the model that a location inside ``model`` belongs to."""
    candidates: list[type[BaseModel]] = []
    for step in loc:
        fields = {field.alias or key: field for key, field in model.model_fields.items()}
        if step in fields:
            candidates = [*models_in(fields[str(step)].annotation)]
            model = candidates[0] if candidates else model
        else:  # the name of the one that was chosen among several
            model = next((each for each in candidates if each.__name__ == step), model)
    return model


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """Give the models that stand in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)
