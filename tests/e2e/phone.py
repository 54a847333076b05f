"""
Phone: an app with the SDK inside, as a process of its own.

``python phone.py SETTINGS`` (JSON: key, host, data_dir, zone). It reads one command a line, does it
with the public calls of the SDK, and prints one JSON object a line: what a command gave, and each
in-app message when it comes, which it shows at once. It ends when its input is closed.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

from fencepost_sdk import Client, Limits, Message, Messages, Tracked, init
from fencepost_sdk.location import Fix, Location

POLL_S = 0.2
QUICK = Limits(trigger_age_ms=50)


def say(**what: Any) -> None:
    """Print one line."""
    print(json.dumps(what), flush=True)  # noqa: T201 - this is how the phone talks


def show(message: Message) -> None:
    """Show an in-app message: print it, and report that it was displayed."""
    told = message.displayed()
    say(
        message={
            "delivery_id": message.delivery_id,
            "title": message.title,
            "body": message.body,
            "show_until_ms": message.show_until_ms,
            "displayed": told.level,
        }
    )


def update(client: Client, at_ms: int, lat: float, lon: float, accuracy_m: float) -> Tracked:
    """Hand a position to the SDK."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return client.location.update(Fix(lat, lon, accuracy_m, at=at))


def do(client: Client, command: dict[str, Any]) -> Any:
    """Do one command; give what is to be printed."""
    match command:
        case {"do": "consent", "values": values}:
            return client.set_consent(values)._asdict()
        case {"do": "identify", "user_id": user_id, "traits": traits}:
            return client.identify(user_id, traits)._asdict()
        case {"do": "reset"}:
            client.reset()
            allowed = [p for p, entry in client.get_consent().items() if entry.allowed]
            return {"inbox": len(client.inbox.list()), "allowed": sorted(allowed)}
        case {"do": "address", "channel": channel, "address": address}:
            return client.set_address(channel, address)._asdict()
        case {"do": "track", "name": name, "props": props}:
            return client.track(name, props, priority="now")._asdict()
        case {"do": "walk", "fixes": fixes}:
            return [update(client, *fix).level for fix in fixes]
        case {"do": "flush"}:
            return client.flush(20.0)._asdict()
        case {"do": "stats"}:
            stats = client.stats()
            return {
                "losses": dict(stats.losses),
                "refused": dict(stats.refused),
                "ack": stats.ack_level,
            }
        case {"do": "explain", "subject": subject}:
            return client.explain(subject, remote=True).remote
    raise ValueError(command)


def main() -> None:
    """Run until the input ends."""
    given = json.loads(sys.argv[1])
    client = init(
        given["key"],
        host=given["host"],
        data_dir=given["data_dir"],
        location=Location(),
        limits=QUICK,
        context={"zone": given["zone"]},
        messages=Messages(poll_s=POLL_S, gap_s=0, hold_s=0),
        strict=True,
    )
    client.on("message", show)
    for line in sys.stdin:
        say(did=do(client, json.loads(line)))
    client.shutdown(5.0)


if __name__ == "__main__":
    main()
