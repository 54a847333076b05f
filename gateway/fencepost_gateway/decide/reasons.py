"""
Reasons: why a message was withheld or deferred, or a campaign not entered; one table.

Pure data. A gate may only refuse with a code of this table, and every code has its sentence, so
that page, command line and reference say the same thing.
"""

from __future__ import annotations

REASONS: dict[str, str] = {
    # not entered
    "condition_false": "The campaign's condition was not met.",
    "outside_run": "The campaign was not running at that moment.",
    "fence_inactive": "It happened outside the opening hours of the fence.",
    "repeated": "The same transition or event brought the person in before.",
    "reentry_never": "The person has been in this campaign before, and it admits once.",
    "reentry_running": "The person is in this campaign already.",
    "reentry_wait": "The campaign's waiting time between entries is not over.",
    # withheld or deferred at the claim
    "emergency_stop": "All marketing is stopped by the workspace's emergency stop.",
    "campaign_ended": "The campaign was archived or its run is over.",
    "too_old": "The message is older than its campaign allows.",
    "holdout": "The person is in the holdout, which gets no marketing.",
    "goal_reached": "The person did already what the campaign is for.",
    "no_longer_relevant": "The campaign's `while` condition no longer holds.",
    "no_address": "The person cannot be reached on this channel.",
    "channel_off": "No driver is set up for this channel.",
    "suppressed": "The address is on the suppression list.",
    "consent": "The person has not allowed this.",
    "quiet_hours": "It is quiet time where the person is.",
    "expires_in_quiet_hours": "The message would expire before quiet time ends.",
    "zone_unknown": "Nobody knows the person's time zone, so quiet hours cannot be kept.",
    "render_missing": "A value that the template needs is missing.",
    "render_failed": "The template could not be rendered within its limits.",
    "frequency_cap": "A frequency cap is used up.",
    # outcomes of a call
    "gone": "The provider says that the address no longer exists; it was removed.",
    "opted_out": "The provider says that the person opted out; recorded here too.",
    "rejected": "The provider refused the message as it is.",
    "misconfigured": "The provider refused our keys or settings.",
    "unavailable": "The provider could not take the message in time.",
    "unknown": "The call left and no definite answer came; it may have arrived.",
}


def sentence(code: str) -> str:
    """Say ``code`` in words; a driver's finer code after a dot keeps its family's sentence."""
    return REASONS.get(code) or REASONS.get(code.partition(".")[0], code)
