from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fencepost_gateway.decide.countries import (
    CALLING_CODES,
    countries_of_phone,
    country_of_locale,
    zones_of_country,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.spans import local_time
from fencepost_gateway.decide.zones import Zones, zones_of
from gateway.decide.builders import DAY_MS, HOUR_MS, at

NOW_MS = at("2026-06-01 12:00")
MONTH_MS = 30 * DAY_MS


@pytest.mark.parametrize(
    ("chosen", "device", "age_ms", "workspace", "want"),
    [
        (
            "Asia/Seoul",
            "Europe/Monaco",
            HOUR_MS,
            "UTC",
            Zones(("Asia/Seoul", "Europe/Monaco"), "chosen and device", is_known=True),
        ),
        (
            "Asia/Seoul",
            "Asia/Seoul",
            0,
            "",
            Zones(("Asia/Seoul",), "chosen and device", is_known=True),
        ),
        ("Asia/Seoul", "", 0, "UTC", Zones(("Asia/Seoul",), "chosen", is_known=True)),
        (
            None,
            "Europe/Monaco",
            MONTH_MS,
            "UTC",
            Zones(("Europe/Monaco",), "device", is_known=True),
        ),
        (None, "Europe/Monaco", MONTH_MS + 1, "UTC", Zones(("UTC",), "workspace")),
        ("Nowhere/Land", "../etc/passwd", 0, "UTC", Zones(("UTC",), "workspace")),
        (9, "", 0, "Asia/Tehran", Zones(("Asia/Tehran",), "workspace")),
        (None, "", 0, "", Zones((), "unknown")),
        (None, "Nowhere/Land", 0, "Nowhere/Land", Zones((), "unknown")),
    ],
    ids=[
        "both",
        "both the same",
        "chosen",
        "device of a month ago",
        "device too old",
        "no such zones",
        "chosen is no text",
        "nothing",
        "nothing that is a zone",
    ],
)
def test_ladder_of_zones(
    chosen: object, device: str, age_ms: int, workspace: str, want: Zones
) -> None:
    """Own choice and device's zone, else the workspace's, else unknown; never silently UTC."""
    person = Person("p", attributes={"zone": chosen}, zone=device, zone_at_ms=NOW_MS - age_ms)

    assert zones_of(person, "", workspace, NOW_MS) == want


RUNGS: list[tuple[str, Any, str, str]] = [
    ("+82105550000", "FR", "de-DE", "phone prefix (KR)"),
    ("+999", "fr", "de-DE", "country (FR)"),
    ("", None, "de-DE", "locale (DE)"),
    ("", "France", "de", "workspace"),
    ("", 33, "", "workspace"),
    ("0105550000", "ZZ", "xx-ZZ", "workspace"),
]


@pytest.mark.parametrize(("phone", "country", "locale", "source"), RUNGS)
def test_country_stands_in_for_an_unknown_zone(
    phone: str, country: object, locale: str, source: str
) -> None:
    """Telephone prefix before stated country before locale before the workspace's zone."""
    person = Person("p", attributes={"country": country}, locale=locale)

    found = zones_of(person, phone, "Europe/Monaco", NOW_MS)

    assert (found.source, found.is_known) == (source, False)


def test_all_zones_of_the_country_count() -> None:
    """A Russian number may be in Kaliningrad and in Anadyr, and at every hour in between."""
    found = zones_of(Person("p"), "+79161234567", "", NOW_MS)

    assert {"Europe/Kaliningrad", "Asia/Anadyr"} <= set(found.names)
    assert len(found.names) == 11


@pytest.mark.parametrize("country", ["US", "CA", "RU", "AU", "MX", "CL", "GL", "AQ"])
@pytest.mark.parametrize("now", ["2026-03-08 00:00", "2026-04-01 12:00", "2026-10-24 09:30"])
def test_zone_that_stands_for_others_reads_as_they_do(country: str, now: str) -> None:
    """Whatever zone of the country it is, one that is kept shows the same time for a week."""
    person, now_ms = Person("p", attributes={"country": country}), at(now)
    moments = range(now_ms - DAY_MS, now_ms + 9 * DAY_MS, HOUR_MS // 2)

    def clock(zone: str) -> tuple[object, ...]:
        return tuple(local_time(ms, ZoneInfo(zone)).replace(tzinfo=None) for ms in moments)

    kept = {clock(zone) for zone in zones_of(person, "", "", now_ms).names}

    assert {clock(zone) for zone in zones_of_country(country)} == kept


def test_known_zone_beats_every_guess() -> None:
    """Who is known to be in Monaco is not kept by the hours of an American number."""
    person = Person("p", attributes={"zone": "Europe/Monaco"}, locale="en-US")

    assert zones_of(person, "+12125550100", "UTC", NOW_MS).names == ("Europe/Monaco",)


@pytest.mark.parametrize(
    ("phone", "countries"),
    [
        ("+12125550100", ("US", "CA")),
        ("+12425550100", ("BS",)),
        ("+77012345678", ("KZ",)),
        ("+79161234567", ("RU",)),
        ("+33612345678", ("FR",)),
        ("+390612345678", ("IT", "VA")),
        ("+21", ()),
        ("", ()),
        ("33612345678", ()),
    ],
)
def test_longest_prefix_names_the_countries(phone: str, countries: tuple[str, ...]) -> None:
    """Shared codes give all of their countries; what is no number gives none."""
    assert countries_of_phone(phone) == countries


@pytest.mark.parametrize(
    ("locale", "country"),
    [
        ("ko-KR", "KR"),
        ("en_US.UTF-8", "US"),
        ("zh-Hant-TW", "TW"),
        ("fr", ""),
        ("", ""),
        ("es-419", ""),
        ("de-u-co-phonebk", ""),
    ],
)
def test_locale_names_its_region(locale: str, country: str) -> None:
    """Two letters after the language; a script or a continent is no country."""
    assert country_of_locale(locale) == country


def test_every_country_of_the_table_has_zones_that_exist() -> None:
    """No calling code leads to a country the time-zone data does not know."""
    countries = {country for each in CALLING_CODES.values() for country in each}

    assert all(zones_of_country(country) for country in countries)
    assert all(ZoneInfo(zone) for country in countries for zone in zones_of_country(country))


def test_no_calling_code_hides_behind_a_shorter_one() -> None:
    """E.164 is prefix-free, but where a plan is shared: +1, +7 and +672."""
    shared = {"1", "7", "672"}
    nested = {a for a in CALLING_CODES for b in CALLING_CODES if a != b and b.startswith(a)}

    assert nested <= shared
