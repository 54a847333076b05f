"""Documents of the fault tests: what is bought is confirmed by SMS, who comes in is greeted."""

from __future__ import annotations

LAT, LON = 47.318264, 8.794173

EVERY_HOUR = """
kind: policy
id: default
accepts: {transactional: [y, CT, CP], collect: [y, CT], "*": [y]}
defaults: {transactional: CT}
quiet_hours: none
---
kind: caps
id: default
rules: %s
"""

CAMPAIGNS = f"""
kind: fence
id: lotus
circle: {{lat: {LAT}, lon: {LON}, radius_m: 60}}
place: {{name: Studio Lotus}}
---
kind: template
id: thanks
purpose: marketing
sms: {{text: "n={{{{ event.n }}}}"}}
---
kind: template
id: welcome
purpose: marketing
in_app: {{body: "{{{{ place.name }}}} is open."}}
---
kind: audience
id: buyers
when: {{did: bought, count: {{min: 2}}}}
---
kind: audience
id: guests
when: {{inside: {{id: lotus}}}}
---
kind: campaign
id: thanks
entry: {{event: bought}}
reentry: always
message: {{template: thanks, channels: [sms]}}
goal: none
---
kind: campaign
id: welcome
entry: {{transition: enter, fence: {{id: lotus}}}}
reentry: always
message: {{template: welcome, channels: [in_app]}}
goal: none
"""

# Who bought within the second is in; time alone takes them out again, and wakes a campaign.
AUDIENCES = """
kind: trait
id: purchases
count: bought
---
kind: audience
id: fresh
when: {did: bought, within: 1s}
---
kind: audience
id: regular
when: {all: [{trait: purchases, gte: 5}, {not: {audience: fresh}}]}
---
kind: template
id: again
purpose: marketing
in_app: {body: "Come again."}
---
kind: campaign
id: again
entry: {audience: fresh, on: leave}
reentry: always
message: {template: again, channels: [in_app]}
goal: none
"""


def files(caps: str = "[{limit: 1000000, per: hour}]") -> dict[str, str]:
    """Give all files by name; ``caps`` is the list of cap rules."""
    return {"policy.yaml": EVERY_HOUR % caps, "campaigns.yaml": CAMPAIGNS}
