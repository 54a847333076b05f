from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.api.openapi import describe
from fencepost_gateway.api.surface import Route, moment
from fencepost_gateway.api.table import ROUTES
from fencepost_gateway.errors import ERRORS
from gateway.rig import DOCUMENTS, OPEN_POLICY, open_rig


def concrete(route: Route) -> str:
    """Give a path of the route with ids that do not exist."""
    ids = {"{id}": "nothing", "{user_id}": "nobody", "{kind}": "fence", "{code}": "malformed",
           "{list}": "allow", "{token}": "nothing",
           "{ticket}": "nothing", "{lane}": "sms"}  # fmt: skip
    return "/".join(ids.get(part, part) for part in route.path.split("/"))


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
async def test_route_keeps_its_role(tmp_path: Path, route: Route) -> None:
    """Without a key only open routes answer; the write key opens no route of a team or operator."""
    async with open_rig(tmp_path) as rig:
        path = concrete(route)
        bare = await rig.client.request(route.method, path)
        device = await rig.client.request(route.method, path, headers=rig.device_headers())

        assert (bare.status == 401) == (route.role != "open")
        assert (device.status == 403) == (route.role in ("team", "operator"))


@pytest.mark.parametrize(
    "route",
    [r for r in ROUTES if r.method == "GET" and r.role != "open"],
    ids=lambda r: f"{r.method} {r.path}",
)
async def test_a_parameter_nobody_knows_is_named(tmp_path: Path, route: Route) -> None:
    """No route with a key answers another question than it was asked; the nearest name is told."""
    async with open_rig(tmp_path) as rig:
        headers = rig.device_headers() if route.role == "device" else rig.operator
        names = ["wibble", *(f"{name}z" for name in route.query)]
        found = [
            (name, await rig.client.get(concrete(route), params={name: "1"}, headers=headers))
            for name in names
        ]
        problems = {name: (r.status, await r.json()) for name, r in found}

    assert "malformed" in route.errors
    assert {status for status, _ in problems.values()} == {400}
    assert all(p["code"] == "malformed" and p["path"] == n for n, (_, p) in problems.items())
    assert all(f"did you mean {n}?" in problems[f"{n}z"][1]["detail"] for n in route.query)


async def test_a_parameter_without_a_name_is_not_repeated(tmp_path: Path) -> None:
    """What stands where a name should be may be an address or a position."""
    async with open_rig(tmp_path) as rig:
        headers = rig.device_headers()
        response = await rig.client.get("/v1/fences/nearby?43.7311,7.42", headers=headers)
        text = await response.text()

    assert response.status == 400
    assert "43.73" not in text


async def test_an_open_route_takes_what_others_append(tmp_path: Path) -> None:
    """Mail programs and probes append to links what they like."""
    async with open_rig(tmp_path) as rig:
        probed = await rig.client.get("/healthz?nocache=7")
        clicked = await rig.client.get("/v1/confirm/nothing?utm_source=mail")
        plain = await rig.client.get("/v1/confirm/nothing")

    assert (probed.status, clicked.status) == (200, plain.status)


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
def test_route_is_described(route: Route) -> None:
    """Every route says what it does, and every error it names is in the table."""
    assert route.summary.endswith(".")
    assert set(route.errors) <= set(ERRORS)


def test_openapi_lists_every_route_and_no_other() -> None:
    """The description is the table."""
    described = describe(ROUTES)["paths"]

    listed = {(m.upper(), path) for path, methods in described.items() for m in methods}
    assert listed == {(r.method, r.path) for r in ROUTES}


def test_openapi_references_exist() -> None:
    """No schema points nowhere."""
    document = describe(ROUTES)

    def refs(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*(refs(v) for v in value.values()))
        if isinstance(value, list):
            return set().union(*(refs(v) for v in value))
        return set()

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert refs(document) <= known


async def test_readyz_says_what_an_acknowledged_event_survives(tmp_path: Path) -> None:
    """The level is the store's own finding."""
    async with open_rig(tmp_path) as rig:
        response = await rig.client.get("/readyz")
        ready = await response.json()

        assert ready["ack"] == rig.gateway.store.ack_level
        assert ready["channels"]["sms"] == "capture"


async def test_stopping_gateway_is_not_ready(tmp_path: Path) -> None:
    """A load balancer sees at once that it should look elsewhere."""
    async with open_rig(tmp_path) as rig:
        rig.gateway.surface.is_stopping = True

        assert (await rig.client.get("/readyz")).status == 503


async def test_metrics_count_verdicts_and_decisions(tmp_path: Path) -> None:
    """Every verdict and every claim is counted, with labels from closed lists."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        text = await (await rig.client.get("/metrics")).text()

    assert 'fencepost_ingest_events_total{verdict="accepted"} 7.0' in text  # a consent, six fixes
    assert 'fencepost_decisions_total{outcome="send",reason=""} 1.0' in text
    assert 'fencepost_deliveries_total{channel="in_app",state="sent"} 1.0' in text


async def test_documents_with_an_error_change_nothing_and_name_the_place(tmp_path: Path) -> None:
    """All or nothing, with file, line, path and remedy for each error."""
    broken = DOCUMENTS.replace("template: greet,", "template: great,")
    async with open_rig(tmp_path) as rig:
        files = [{"path": "a/first.yaml", "text": broken}]
        response = await rig.client.post(
            "/v1/documents", json={"files": files}, headers=rig.operator
        )
        problem = await response.json()
        live = await (await rig.client.get("/v1/documents", headers=rig.operator)).json()

    assert response.status == 422
    assert all(p["file"] == "a/first.yaml" and p["line"] and p["how"] for p in problem["problems"])
    assert any("great" in p["text"] for p in problem["problems"])
    assert live["documents"] == []


async def test_same_documents_again_change_nothing(tmp_path: Path) -> None:
    """Applying twice is applying once."""
    async with open_rig(tmp_path) as rig:
        first = await rig.apply(DOCUMENTS, OPEN_POLICY)
        again = await rig.apply(DOCUMENTS, OPEN_POLICY)

    assert (len(first["changed"]), len(again["changed"]), again["unchanged"]) == (4, 0, 4)
    assert again["revision"] == 1


async def test_dry_run_says_what_would_change(tmp_path: Path) -> None:
    """Nothing is published by asking."""
    async with open_rig(tmp_path) as rig:
        files = [{"path": "p.yaml", "text": OPEN_POLICY}]
        body = {"files": files, "dry_run": True}
        response = await rig.client.post("/v1/documents", json=body, headers=rig.operator)
        answer = await response.json()
        live = await (await rig.client.get("/v1/documents", headers=rig.operator)).json()

    assert [c["id"] for c in answer["changed"]] == ["default"]
    assert live["revision"] == 0


async def test_document_that_others_need_is_not_archived(tmp_path: Path) -> None:
    """A template in use stays; the answer names who uses it."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        url = "/v1/documents/template/greet"
        response = await rig.client.delete(url, headers=rig.operator)

        assert response.status == 422
        assert "greet" in (await response.json())["problems"][0]["text"]


async def test_fences_come_back_as_geojson(tmp_path: Path) -> None:
    """What was published can be read again."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        fences = await (await rig.client.get("/v1/fences", headers=rig.operator)).json()

    assert [f["id"] for f in fences["features"]] == ["studio"]


async def test_explain_tells_the_whole_way_of_a_message(tmp_path: Path) -> None:
    """Asked by any id of it, one answer has step, claim and outcome in words."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        message = (await rig.inbox())[0]
        url = f"/v1/decisions/{message['message_id']}"
        words = (await (await rig.client.get(url, headers=rig.operator)).json())["words"]
        url = f"/v1/decisions/{message['delivery_id']}"
        by_delivery = (await (await rig.client.get(url, headers=rig.operator)).json())["words"]

    assert by_delivery == words
    assert words[0].startswith("Entered greeting v1, woken by enter")
    assert any("May go: greeting v1 by in_app" in line for line in words)
    assert any("consent on in_app: location_marketing = y" in line for line in words)
    assert words[-1] == "Sent by in_app"


async def test_device_may_ask_about_its_own_messages_only(tmp_path: Path) -> None:
    """In development a device learns why; never about somebody else, never in production."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        message_id = (await rig.inbox())[0]["message_id"]
        own = await rig.client.get(f"/v1/explain/{message_id}", headers=rig.device_headers())
        stranger = await rig.client.get(
            f"/v1/explain/{message_id}", headers=rig.device_headers("dev-2")
        )
        rig.gateway.surface.settings.environment = "production"
        later = await rig.client.get(f"/v1/explain/{message_id}", headers=rig.device_headers())

    assert (own.status, stranger.status, later.status) == (200, 401, 403)


async def test_inbox_is_read_by_cursor(tmp_path: Path) -> None:
    """What was seen does not come again, and an unchanged inbox answers 304."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        headers = rig.device_headers()
        first = await rig.client.get("/v1/messages", headers=headers)
        cursor = (await first.json())["cursor"]
        second = await rig.client.get(
            f"/v1/messages?after={cursor}",
            headers=headers | {"If-None-Match": first.headers["ETag"]},
        )
        bad = await rig.client.get("/v1/messages?after=１２", headers=headers)  # noqa: RUF001

    assert (first.status, second.status, bad.status) == (200, 304, 400)


async def test_error_code_has_its_page(tmp_path: Path) -> None:
    """The `type` of a problem leads to what to do."""
    async with open_rig(tmp_path) as rig:
        page = await (await rig.client.get("/errors/device_secret")).text()

    assert ERRORS["device_secret"].remedy in page


@pytest.mark.parametrize(
    ("at_ms", "written"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_780_315_200_007, "2026-06-01T12:00:00.007Z"),
        (1_780_315_200_999, "2026-06-01T12:00:00.999Z"),
    ],
)
def test_moment_is_written_to_the_millisecond(at_ms: int, written: str) -> None:
    """RFC 3339 with a Z and three digits, as the SDKs read it."""
    assert moment(at_ms) == written
