"""Documents of the whole way: six fences a kilometre apart, each with its campaign."""

from __future__ import annotations

LAT, LON = 47.318264, 8.794173  # digits that stand nowhere else, so that a search can find them
APART = 0.012

SPOTS = {name: (LAT + i * APART, LON) for i, name in enumerate(("lotus", "capped", "held", "live"))}

POLICY = """
kind: policy
id: default
accepts: {transactional: [y, CT, CP], collect: [y, CT], "*": [y]}
defaults: {transactional: CT}
quiet_hours:
  purposes: [marketing]
  channels: [in_app, web_push, sms, email]
  allowed: {every_day: "08:00-21:00"}
---
kind: caps
id: default
rules:
  - {id: once-a-day, limit: 1, per: day, scope: {campaign: [capped]}}
"""

TEMPLATE = """
kind: template
id: greeting
purpose: marketing
in_app:
  title: "Welcome, {{ person.first_name }}"
  body: "{{ place.name }} has a class at {{ place.meta.next_class }}."
email:
  subject: "Welcome to {{ place.name }}"
  text: "Dear {{ person.first_name }}, {{ place.name }} has a class at {{ place.meta.next_class }}."
  html: "<p>Dear {{ person.first_name }}, <b>{{ place.name }}</b> has a class.</p>"
web_push:
  title: "{{ place.name }}"
  body: "A class at {{ place.meta.next_class }}."
  link: "https://example.com/book"
sms:
  text: "{{ place.name }}: a class at {{ place.meta.next_class }}. STOP to end."
"""


def place_name(spot: str) -> str:
    """Give the name that the messages of a spot carry."""
    return f"Studio {spot.capitalize()} 47"


def fence(spot: str) -> str:
    """Write the fence of a spot."""
    lat, lon = SPOTS[spot]
    return f"""
kind: fence
id: {spot}
circle: {{lat: {lat}, lon: {lon}, radius_m: 60}}
place: {{name: "{place_name(spot)}", meta: {{next_class: "18:45"}}}}
"""


def campaign(spot: str, *more: str) -> str:
    """Write the campaign of a spot, on every channel, with ``more`` members."""
    return "\n".join(
        [
            "kind: campaign",
            f"id: {spot}",
            f"entry: {{transition: enter, fence: {{id: {spot}}}}}",
            "reentry: always",
            "message:",
            "  template: greeting",
            "  channels: [in_app, email, web_push, sms]",
            "  each: true",
            "  max_age: 36h",
            "goal: none",
            *more,
            "",
        ]
    )


def whole_way() -> dict[str, str]:
    """Give all files by name."""
    campaigns = [campaign("lotus"), campaign("capped"), campaign("held", "holdout: 100%")]
    return {
        "policy.yaml": POLICY,
        "templates/greeting.yaml": TEMPLATE,
        "fences.yaml": "---".join(fence(spot) for spot in SPOTS),
        "campaigns.yaml": "---\n".join(campaigns),
    }
