"""What a file of places says and may not have meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.imports.read import Imported, Wish, read_import
from fencepost_gateway.documents.imports.rows import Verdict
from fencepost_gateway.documents.imports.summed import summed

HERE = (51.3, 12.3)  # swapped, this is in the Arabian Sea
SEOUL = (37.5, 126.9)
POINT = {"type": "Point", "coordinates": [12.3, 51.3]}


def read(text: str, name: str = "stores.csv", live: Mapping[str, Any] | None = None) -> Imported:
    """Read one file."""
    return read_import([SourceFile(name, text)], live or {}, Wish(radius_m=50))


def csv(*places: tuple[float, float]) -> str:
    """Write places as a CSV of fences."""
    rows = [f"s-{n},{lat},{lon}" for n, (lat, lon) in enumerate(places)]
    return "\n".join(["id,lat,lon", *rows, ""])


def around(lat: float, lon: float, count: int = 9) -> list[tuple[float, float]]:
    """Give places of one town."""
    return [(round(lat + n / 100, 2), round(lon - n / 100, 2)) for n in range(count)]


def live(*places: tuple[float, float]) -> dict[str, Any]:
    """Take places for what is live."""
    return {f"live-{d.id}": d.body for d in read(csv(*places)).documents}


def warned(imported: Imported) -> list[str]:
    """Give the warnings in words."""
    return [str(one) for one in summed(imported.warnings)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("dwel_after", "dwell_after"),
        ("raduis_m", "radius_m"),
        ("Radius", "radius_m"),
        ("presence ttl", "presence_ttl"),
        ("tag", "tags"),
        ("place.naem", "place.name"),
    ],
)
def test_a_column_that_looks_like_a_members_is_told_once(name: str, meant: str) -> None:
    """Once for the column, at the header, however many rows there are; it stays passed over."""
    imported = read(f"id,lat,lon,{name}\na,51,12,1\nb,51,12,2\nc,51,12,3\n")

    (one,) = warned(imported)
    assert one.startswith(f"stores.csv:1: {name.lower()}: ")
    assert one.endswith(f"did you mean {meant}?")
    assert imported.passed_over == {name.lower()}


@pytest.mark.parametrize(
    "name", ["owner", "fid", "osm_id", "city", "opening_hours", "type", "description", "name_en"]
)
def test_a_column_of_somebody_else_is_no_slip(name: str) -> None:
    """Map programs and shops write columns of their own."""
    assert warned(read(f"id,name,lat,lon,{name}\na,A,51,12,1\n")) == []


def test_a_column_beside_the_right_one_is_no_slip() -> None:
    """Whoever gives both meant both."""
    assert warned(read("id,lat,lon,tags,tag\na,51,12,x,y\n")) == []


def test_slips_in_geojson_and_kml_are_told_too() -> None:
    """A property, or a name of ExtendedData; whatever stands in the others."""
    feature = {"type": "Feature", "geometry": POINT, "properties": {"coolDown": "5m", "place": 5}}
    kml = (
        "<kml><Placemark><name>A</name><ExtendedData><Data name='dwell_afte'><value>5m</value>"
        "</Data></ExtendedData><Point><coordinates>12,51</coordinates></Point></Placemark></kml>"
    )

    from_geojson = warned(read(json.dumps(feature), "a.geojson"))
    from_kml = warned(read(kml, "a.kml"))

    assert [text.split(": ")[1] for text in from_geojson + from_kml] == ["coolDown", "dwell_afte"]
    assert from_geojson[0].endswith("did you mean cooldown?")
    assert from_kml[0].endswith("did you mean dwell_after?")


def test_a_file_swapped_as_a_whole_is_noticed_by_what_is_live() -> None:
    """A warning without a coordinate; the rows are taken as they stand."""
    turned = [(lon, lat) for lat, lon in around(*HERE)]

    imported = read(csv(*turned), live=live(*around(*HERE)))

    (one,) = warned(imported)
    assert "may be swapped" in one
    assert "12.3" not in one
    assert len(imported.documents) == len(turned)
    assert imported.documents[0].body["geometry"]["coordinates"] == [51.3, 12.3]
    assert imported.problems == []


@pytest.mark.parametrize(
    ("rows", "fences"),
    [
        (around(*HERE), around(*HERE)),  # as it should be
        ([(lon, lat) for lat, lon in around(*HERE)], []),  # nothing to tell it by
        (around(*SEOUL), around(*HERE)),  # a branch abroad, and no latitude
        (around(40.4, -3.7), around(*HERE)),  # a branch abroad, swapped in the ocean
        (around(12.3, 51.3), around(12.3, 51.3)),  # whoever is at home there
    ],
    ids=["right", "alone", "abroad", "afar", "at-home"],
)
def test_a_file_that_may_be_meant_is_left_alone(
    rows: list[tuple[float, float]], fences: list[tuple[float, float]]
) -> None:
    """Far from what is live is not enough: it must be near when swapped."""
    assert warned(read(csv(*rows), live=live(*fences) if fences else None)) == []


def test_single_swapped_rows_are_noticed_by_the_others_of_their_file() -> None:
    """Summed up, at the first of them; a far branch that is no mirror is left alone."""
    rows = around(*HERE)
    turned = [(lon, lat) for lat, lon in rows[:3]]

    found = warned(read(csv(*rows, *turned, (40.4, -3.7))))

    assert len(found) == 1
    assert found[0].startswith("stores.csv:11 and 2 others: latitude and longitude may be swapped")


def test_a_stray_row_at_a_live_fence_is_no_mirror() -> None:
    """Where a fence is live, another may be meant."""
    rows, there = [*around(*HERE), (12.3, 51.3)], around(12.3, 51.3)

    assert warned(read(csv(*rows), live=live(*around(*HERE), *there))) == []
    assert len(warned(read(csv(*rows)))) == 1


def test_verdicts_of_one_kind_are_one_with_a_count() -> None:
    """Quoted values, numbers and ids differ; file, field and sentence make the kind."""
    verdicts = [
        Verdict("a.csv", f"'{text}' is no number", "write digits", line, None, f"s-{line}", "lat")
        for line, text in enumerate(["forty", "x", "y"], 2)
    ]
    other = Verdict("a.csv", "lat is missing", "write digits", 9, None, "s-9", "lat")

    assert [str(one) for one in summed([*verdicts, other])] == [
        "a.csv:2 and 2 others: lat: 'forty' is no number; write digits",
        "a.csv:9: s-9, lat: lat is missing; write digits",
    ]
    assert str(summed(verdicts[:2])[0]).startswith("a.csv:2 and 1 other: lat: ")
