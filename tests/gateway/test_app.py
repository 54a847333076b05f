import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.app import Gateway, open_gateway, serve
from fencepost_gateway.errors import StartError
from fencepost_gateway.settings import ChannelSettings
from fencepost_gateway.workers.page_asking import PageAnswer
from fencepost_gateway.workers.pipeline import Pipeline
from gateway.rig import make_settings, open_rig


async def test_store_below_the_asked_ack_level_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a better promise than the one that holds."""
    monkeypatch.setattr(
        "fencepost_gateway.stores.sqlite_file._file_system", lambda _folder: "tmpfs"
    )

    with pytest.raises(StartError, match="FENCEPOST_MIN_ACK_LEVEL"):
        async with open_gateway(make_settings(tmp_path, min_ack_level="fsync")):
            pass


@pytest.mark.parametrize(
    ("channels", "named"),
    [
        ({"fax": ChannelSettings(driver="email")}, "channels.fax"),
        ({"sms": ChannelSettings(driver="pigeon")}, "channels.sms.driver"),
        ({"sms": ChannelSettings(driver="email")}, "channels.sms.driver"),
        ({"email": ChannelSettings(driver="email")}, "channels.email.settings"),
    ],
    ids=["no-such-channel", "no-such-driver", "other-channel", "missing-settings"],
)
async def test_unusable_channel_stops_the_start_and_is_named(
    tmp_path: Path, channels: dict[str, ChannelSettings], named: str
) -> None:
    """What, where, and what there is instead."""
    settings = make_settings(tmp_path)
    settings.channels = channels

    with pytest.raises(StartError, match=named.replace(".", r"\.")):
        async with open_gateway(settings):
            pass


async def test_taken_port_stops_the_start(tmp_path: Path) -> None:
    """The message names the setting to change."""
    taken = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    async with taken:
        with pytest.raises(StartError, match="FENCEPOST_PORT"):
            await serve(make_settings(tmp_path, port=port), stop=asyncio.Event())


async def test_serve_answers_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """The loops run, the port is told, and stopping ends everything."""
    stop = asyncio.Event()
    told: list[int] = []

    def ready(_gateway: Gateway, port: int) -> None:
        told.append(port)
        stop.set()

    await serve(make_settings(tmp_path, port=0), stop=stop, ready=ready)

    assert told[0] > 0


async def test_loop_that_dies_stops_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway whose pipeline is dead must not go on saying that all is well."""

    async def dies(_self: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Pipeline, "run", dies)
    stop = asyncio.Event()
    async with asyncio.timeout(5):
        await serve(make_settings(tmp_path, port=0), stop=stop)

    assert stop.is_set()


LINKED = """
kind: campaign
id: welcome
entry: {event: seen}
message: {template: hello, channels: [in_app]}
goal: none
---
kind: template
id: hello
purpose: transactional
in_app: {layout: banner, title: Hi, body: "https://luma.example/gone"}
"""


@pytest.mark.feature("S12")
@pytest.mark.parametrize("is_on", [True, False])
async def test_links_are_asked_while_the_gateway_runs_and_unless_switched_off(
    tmp_path: Path,
    is_on: bool,  # noqa: FBT001 - a column
) -> None:
    """Whoever starts a gateway has the links of what is live asked, soon and by the way out."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(LINKED)
    stop, asked = asyncio.Event(), list[str]()

    class Out:
        async def page(self, url: str) -> PageAnswer:
            asked.append(url)
            stop.set()
            return PageAnswer(404)

    def ready(gateway: Gateway, _port: int) -> None:
        tasks = {task.get_name() for task in asyncio.all_tasks()}
        assert ("links" in tasks) == gateway.settings.check_links
        if not is_on:
            stop.set()

    out: Any = lambda *_: contextlib.nullcontext(Out())  # noqa: E731 - stands for the opener
    settings = make_settings(tmp_path, port=0, check_links=is_on)
    await asyncio.wait_for(serve(settings, stop=stop, ready=ready, outside=out), 30)

    assert asked == (["https://luma.example/gone"] if is_on else [])
