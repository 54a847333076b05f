"""What a template may hold at most: what is one more is refused where it stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import load
from fencepost_gateway.documents.models.template import (
    BUTTONS_MAX,
    DATA_MAX,
    MEDIA_MAX,
    TIMES_MAX,
)

HEAD = "kind: template\nid: t\npurpose: marketing\n"


def pictures(count: int) -> str:
    """Write an SMS with pictures."""
    return f"sms: {{text: hi, media: {['https://cdn.example/a.jpg'] * count}}}\n"


def data(count: int) -> str:
    """Write a push with members for the app."""
    return f"push: {{title: hi, data: {{{', '.join(f'd{n}: x' for n in range(count))}}}}}\n"


def buttons(count: int) -> str:
    """Write an in-app message with buttons."""
    return f"in_app: {{body: hi, buttons: [{', '.join(['{text: Go}'] * count)}]}}\n"


def times(count: int) -> str:
    """Write an in-app message that is shown so many times a day."""
    return f"in_app: {{body: hi, show: {{times: {count}, per: 24h}}}}\n"


@pytest.mark.parametrize(
    ("write", "most", "where"),
    [
        (pictures, MEDIA_MAX, "sms.media"),
        (data, DATA_MAX, "push.data"),
        (buttons, BUTTONS_MAX, "in_app.buttons"),
        (times, TIMES_MAX, "in_app.show"),
    ],
)
def test_as_many_as_may_be_are_taken_and_one_more_is_named(
    write: Callable[[int], str], most: int, where: str
) -> None:
    """The problem says where, before anything is published."""
    fits = load([SourceFile("t.yaml", HEAD + write(most))])
    beyond = load([SourceFile("t.yaml", HEAD + write(most + 1))])

    assert fits.problems == []
    assert {where in str(problem) for problem in beyond.problems} == {True}
