from __future__ import annotations

from pathlib import Path

import pytest

from fencepost_gateway.decide.rules import FORMS, compile_rule
from fencepost_gateway.documents import reference
from fencepost_gateway.documents.kinds import MODELS
from fencepost_gateway.documents.yaml_text import parse

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "documents.md"


def test_page_in_the_repository_is_the_rendered_one() -> None:
    """The committed page is what the models say now."""
    assert PAGE.read_text("utf-8") == reference.render()


@pytest.mark.parametrize("kind", MODELS)
def test_every_member_has_a_meaning(kind: str) -> None:
    """A member without a description has no place on the page."""
    models = [MODELS[kind], *reference._below(MODELS[kind])]  # noqa: SLF001 - all of them
    silent = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if name != "kind" and not field.description
    ]

    assert silent == []


@pytest.mark.parametrize("form", FORMS)
def test_every_rule_form_is_shown_and_compiles(form: str) -> None:
    """The forms on the page are rules that work."""
    shown = reference.RULE_FORMS[form][0].strip("`").replace("…", "true")
    if form in {"all", "any", "not"}:
        shown = shown.replace("rule", "true")
    (parsed,), _ = parse(shown)

    assert compile_rule(parsed.value).tree == parsed.value
