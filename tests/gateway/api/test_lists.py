"""Lists of addresses, over HTTP."""

from pathlib import Path
from typing import Any

import pytest

from gateway.rig import OPEN_POLICY, Rig, captured, open_rig

DOCUMENTS = """
kind: campaign
id: hello
entry: {event: opened}
reentry: always
message: {template: t, channels: [sms]}
goal: none
---
kind: template
id: t
purpose: marketing
sms: {text: Hello}
"""
NUMBER = "+15550100100"
ADDRESS = {"type": "address", "channel": "sms", "address": NUMBER}
OPENED = {"type": "track", "name": "opened"}


async def _ask(rig: Rig, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    response = await rig.client.request(method, path, json=body, headers=rig.operator)
    return response.status, await response.json()


async def _import(rig: Rig, text: str, which: str = "suppression") -> Any:
    body = {"text": text, "source": "crm"}
    status, answer = await _ask(rig, "POST", f"/v1/lists/{which}/import", body)
    assert status == 200, answer
    return answer


async def test_import_gives_bad_rows_their_verdict_and_is_idempotent(tmp_path: Path) -> None:
    """Line, what, how; good rows are taken; the same file again adds nothing."""
    rows = ["channel,address,reason", f"sms,{NUMBER},complaint", "email,a@example.org,", "fax,1,"]
    text = "\n".join([*rows, "email,,", "email,not an address,"])
    async with open_rig(tmp_path) as rig:
        first = await _import(rig, text)
        again = await _import(rig, text)
        _, listed = await _ask(rig, "GET", "/v1/lists/suppression")

    assert (first["rows"], first["added"], first["known"]) == (5, 2, 0)
    assert [bad["line"] for bad in first["bad"]] == [4, 5, 6]
    assert all(bad["what"] and bad["how"] for bad in first["bad"])
    assert (again["added"], again["known"], again["bad"]) == (0, 2, first["bad"])
    assert [(e["channel"], e["reason"], e["source"]) for e in listed["entries"]] == [
        ("email", "manual", "crm"),
        ("sms", "complaint", "crm"),
    ]
    assert NUMBER not in str(listed)


async def test_export_imports_again_as_it_is(tmp_path: Path) -> None:
    """References are enough to carry a list over, and they block the address itself."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await _import(rig, f"channel,address\nsms,{NUMBER}")
        _, listed = await _ask(rig, "GET", "/v1/lists/suppression")
        (entry,) = listed["entries"]
        await _ask(rig, "DELETE", "/v1/lists/suppression", {"channel": "sms", "ref": entry["ref"]})
        _, empty = await _ask(rig, "GET", "/v1/lists/suppression")
        await _import(rig, f"channel,ref,reason\nsms,{entry['ref']},manual")
        await rig.consent()
        await rig.send(ADDRESS, OPENED)
        await rig.settle()
        claims = await rig.claims()

    assert empty["entries"] == []
    assert claims == [("withheld", "suppressed")]
    assert captured(tmp_path) == []


async def test_what_a_person_said_is_not_the_operators_to_undo(tmp_path: Path) -> None:
    """STOP and complaints stay; what an operator listed comes off, once."""
    async with open_rig(tmp_path) as rig:
        await _import(rig, f"channel,address,reason\nsms,{NUMBER},stop\nemail,a@b.org,manual")
        said, problem = await _ask(
            rig, "DELETE", "/v1/lists/suppression", {"channel": "sms", "address": NUMBER}
        )
        mail = {"channel": "email", "address": "a@b.org"}
        off = [(await _ask(rig, "DELETE", "/v1/lists/suppression", mail))[0] for _ in range(2)]

    assert (said, problem["code"]) == (409, "listed_by_person")
    assert off == [200, 404]


async def test_allow_list_is_all_that_gets_messages_where_it_is_on(tmp_path: Path) -> None:
    """Not listed: withheld, with its reason; listed: sent."""
    workspace = "kind: workspace\nid: w\nallow_only: [ada]\n"
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, workspace)
        await rig.consent()
        await rig.send(ADDRESS, OPENED)
        await rig.settle()
        await _import(rig, f"channel,address\nsms,{NUMBER}", "allow")
        await rig.send(OPENED)
        await rig.settle()
        claims = await rig.claims()

    assert claims == [("withheld", "not_allow_listed"), ("send", "")]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/lists/other", {"channel": "sms", "address": NUMBER}, 404),
        ("/v1/lists/allow", {"channel": "in_app", "ref": "a" * 32}, 400),
        ("/v1/lists/allow", {"channel": "sms", "ref": "short"}, 400),
        ("/v1/lists/allow", {"channel": "sms", "ref": "a" * 32, "address": NUMBER}, 400),
        ("/v1/lists/allow/import", {"text": "name,mail\nx,y"}, 400),
    ],
    ids=["no-list", "in-app", "no-reference", "both", "no-header"],
)
async def test_list_refuses_what_cannot_be_listed(
    tmp_path: Path, path: str, body: Any, status: int
) -> None:
    """In-app has no address of its own: listing it would silence everybody."""
    async with open_rig(tmp_path) as rig:
        answer = await _ask(rig, "POST", path, body)

    assert answer[0] == status
