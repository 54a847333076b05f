"""
Snippets: how an event that is defined is sent, ready to be pasted.

Pure. What is printed runs as it stands against the gateway it was printed for. Values are the
definition's ``example``, else something that fits.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal

from fencepost_gateway.documents.models.event import Event, PropertyOf

Language = Literal["curl", "python"]
_SHELL: Final = re.compile(r"[\\$`]")  # what a here-document reads

_CURL: Final = """\
DEVICE=try-$(date +%s)
curl -sS {url}/v1/batch --data-binary @- \\
  -H "Authorization: Bearer {key}" \\
  -H "Fencepost-Device: $DEVICE.only-to-try" \\
  -H "Content-Type: application/json" <<EOF
{{"v": 1, "device_id": "$DEVICE", "stream": "1", "sent_at": "$(date -u +%FT%TZ)",
 "who": {{"anonymous_id": "$DEVICE"}},
 "events": [{{"seq": 1, "event_id": "1", "at": "$(date -u +%FT%TZ)", "type": "track",
   "name": {name},
   "props": {props}}}]}}
EOF
"""
_PYTHON: Final = """\
from fencepost_sdk import init

with init({key}, host={url}) as fp:
    fp.set_consent({{"collect": "y"}})  # when they said so
    fp.track({name}, {props})
    print(fp.flush())
"""


def snippet(event: Event, language: Language, url: str, key: str) -> str:
    """Write how to send an event; ``key`` is the public write key."""
    props = example(event)
    if language == "python":
        return _PYTHON.format(
            key=_python(key), url=_python(url), name=_python(event.called), props=repr(props)
        )
    return _CURL.format(
        url=url, key=key, name=_shell(json.dumps(event.called)), props=_shell(json.dumps(props))
    )


def example(event: Event) -> dict[str, Any]:
    """Make properties that fit the definition."""
    made: dict[str, Any] = {}
    for path, each in sorted(event.properties.items()):  # an object before what is inside
        inside = made
        *above, last = path.split(".")
        for part in above:
            inside = inside.setdefault(part, {})
        inside[last] = _value(each)
    return made


def _value(each: PropertyOf) -> Any:
    if each.example is not None:
        return each.example
    if each.one_of:
        return each.one_of[0]
    if each.type in {"number", "integer"}:
        bound = next((b for b in (each.min, each.max) if b is not None), 1)
        return int(-(-bound // 1)) if each.type == "integer" else bound
    plain: dict[str, Any] = {
        "text": "text",
        "boolean": True,
        "moment": "2026-06-01T18:00:00Z",
        "list": [],
        "object": {},
    }
    return plain[each.type]


def _python(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _shell(text: str) -> str:
    return _SHELL.sub(r"\\\g<0>", text)
