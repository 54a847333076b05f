from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.documents import fences
from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.imports.csv_rows import write_csv
from fencepost_gateway.documents.imports.read import Imported, Wish, read_import
from fencepost_geofence import geojson
from real_data import real_data

HEADER = "id,name,lat,lon,radius_m,tags,place.name,place.meta.gym,library\n"
STUDIO = "studio,Yoga Loft,51.34,12.37,60,studio|yoga,The Loft,true,\n"
KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>
<Placemark id="tor"><name>Café am Tor</name><ExtendedData>
  <Data name="radius_m"><value>40</value></Data><Data name="tags"><value>cafe|door</value></Data>
  <Data name="colour"><value>red</value></Data></ExtendedData>
  <Point><coordinates>12.37,51.34,120</coordinates></Point></Placemark>
<Placemark><name>Market</name><Polygon>
  <outerBoundaryIs><LinearRing><coordinates>12.0,51.0 12.1,51.0 12.1,51.1 12.0,51.0</coordinates>
  </LinearRing></outerBoundaryIs></Polygon></Placemark>
<Placemark><name>Broken</name><Point><coordinates>twelve,51</coordinates></Point></Placemark>
<Placemark><name>Trail</name><ExtendedData><SchemaData>
  <SimpleData name="width_m">50</SimpleData></SchemaData></ExtendedData><MultiGeometry>
  <LineString><coordinates>12.0,51.0 12.1,51.0</coordinates></LineString>
  <LineString><coordinates>12.0,51.2 12.1,51.2</coordinates></LineString>
</MultiGeometry></Placemark>
</Folder></Document></kml>"""
GPX = """<?xml version="1.0"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">
<wpt lat="51.34" lon="12.37"><name>Gipfel</name></wpt>
<wpt lat="north" lon="12.37"/>
<trk><trkseg><trkpt lat="1" lon="2"/></trkseg></trk></gpx>"""


def read(
    text: str,
    name: str = "stores.csv",
    live: Mapping[str, Any] | None = None,
    **wish: Any,
) -> Imported:
    """Read one file."""
    return read_import([SourceFile(name, text)], live or {}, Wish(**wish))


def live_of(imported: Imported) -> dict[str, Any]:
    """Take what was read for what is live."""
    return {each.id: each.body for each in imported.documents}


def shown(imported: Imported) -> list[tuple[int | None, str, str]]:
    """Give line, field and reason of each bad row."""
    return [(one.line, one.field, one.what) for one in imported.problems]


@pytest.mark.feature("P01")
def test_csv_of_ten_thousand_rows_names_the_three_bad_ones() -> None:
    """Line, field and reason; all others are fine."""
    lines = [f"s-{i},Store {i},{40 + i / 1e4:.4f},7.0,60,,,," for i in range(10_000)]
    lines[10] = "s-10,Store,91,7.0,60,,,,"
    lines[500] = "s-500,Store,40,7.0,9,,,,"
    lines[9_999] = "s-9999,Store,forty,7.0,60,,,,"

    imported = read(HEADER + "\n".join(lines))

    assert (imported.rows, len(imported.documents)) == (10_000, 9_997)
    assert shown(imported) == [
        (12, "coordinates", "lon must lie in -180 ... 180 and lat in -90 ... 90"),
        (502, "radius_m", "9.0 is not a radius"),
        (10_001, "lat", "'forty' is no number"),
    ]
    assert str(imported.problems[1]).startswith("stores.csv:502: s-500, radius_m: ")


def test_csv_reads_every_column() -> None:
    """A line is a whole fence."""
    text = (
        "ID;Name;Latitude;lng;radius_m;tags;library;place.name;place.meta.type;dwell_after;"
        "presence_ttl;cooldown;active;zone;sensitive;owner;"
        "dwell_repeat;enter_at;leave_at;pass;approach_s;emit\n"
        'x-1;"Loft; 2nd floor";51.34;12.37;60;a,b;gyms;Loft;own;5m|1h;30m;10m;'
        "24/7;Asia/Seoul;yes;z;15m;0.8;0.2;true;300;settled\n"
    )

    imported = read(text)
    (document,) = imported.documents
    fence = fences.fence_of(document.body)

    assert imported.problems == []
    assert imported.passed_over == {"owner"}
    assert (fence.fence_id, fence.name, fence.tags) == (
        "x-1",
        "Loft; 2nd floor",
        frozenset({"a", "b"}),
    )
    assert (fence.library, fence.place_name, fence.meta) == ("gyms", "Loft", {"type": "own"})
    assert (fence.dwell_after_s, fence.presence_ttl_s, fence.cooldown_s) == ((300, 3600), 1800, 600)
    assert (fence.active, fence.zone, fence.sensitive) == ("24/7", "Asia/Seoul", True)
    assert (fence.dwell_repeat_s, fence.enter_at, fence.leave_at) == (900, 0.8, 0.2)
    assert (fence.passes, fence.approach_s, fence.emit) == (True, 300, "settled")
    assert read(write_csv([fence])).documents[0].canonical == document.canonical


@pytest.mark.feature("P01")
def test_import_of_some_columns_keeps_the_other_members() -> None:
    """What a row does not say stays as it is live."""
    live = live_of(read(HEADER + STUDIO))

    (changed,) = read("id,radius_m,place.meta.gym,name\nstudio,80,false,\n", live=live).documents
    before, after = fences.fence_of(live["studio"]), fences.fence_of(changed.body)

    assert after.shape.area_m2 > before.shape.area_m2
    assert (after.name, after.tags, after.place_name) == ("Yoga Loft", before.tags, "The Loft")
    assert after.meta == {"gym": False}


def test_geojson_import_takes_away_what_is_null() -> None:
    """A merge as RFC 7396 has it."""
    live = live_of(read(HEADER + STUDIO))
    feature = {"type": "Feature", "id": "studio", "properties": {"name": None, "tags": ["new"]}}

    (changed,) = read(json.dumps(feature), "a.geojson", live=live).documents
    fence = fences.fence_of(changed.body)

    assert (fence.name, fence.tags, fence.place_name) == ("", frozenset({"new"}), "The Loft")


@pytest.mark.parametrize(("name", "text"), [("a.csv", HEADER + STUDIO), ("a.kml", KML)])
def test_import_of_the_same_file_again_is_the_same(name: str, text: str) -> None:
    """Ids made for rows without one are the same at every reading, and so is all else."""
    first = read(text, name, radius_m=30)
    again = read(text, name, live_of(first), radius_m=30)

    assert [d.canonical for d in first.documents] == [d.canonical for d in again.documents]


def test_import_refuses_an_id_twice() -> None:
    """The second is bad and names the first."""
    imported = read(HEADER + STUDIO + STUDIO)

    assert shown(imported) == [(3, "id", "the id is taken")]
    assert "stores.csv:2" in imported.problems[0].how
    assert len(imported.documents) == 1


def test_import_of_kml_reads_placemarks_row_by_row() -> None:
    """Points, polygons, several lines; a broken one is named with its line."""
    imported = read(KML, "town.kml")
    found = {each.id: fences.fence_of(each.body) for each in imported.documents}

    assert list(found) == ["tor", "market", "trail"]
    assert (found["tor"].name, found["tor"].tags) == ("Café am Tor", frozenset({"cafe", "door"}))
    assert found["tor"].shape.contains(51.34, 12.37)
    assert found["market"].shape.contains(51.02, 12.08)
    assert found["trail"].shape.contains(51.2, 12.05)
    assert imported.passed_over == {"colour"}
    assert [(line, name) for line, name, _ in shown(imported)] == [(10, "coordinates")]


def test_import_of_gpx_reads_waypoints_with_a_given_radius() -> None:
    """A waypoint has no size of its own; tracks are no fences."""
    imported = read(GPX, "hike.gpx", radius_m=80)

    assert [each.id for each in imported.documents] == ["gipfel"]
    assert shown(imported) == [(3, "lat", "lat is no number")]
    assert shown(read(GPX, "hike.gpx"))[0][1] == "radius_m"


PLACE = "<Placemark><name>&x;</name><Point><coordinates>12,51</coordinates></Point></Placemark>"


@pytest.mark.bad_input(68)
@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE kml [<!ENTITY a "aaaa"><!ENTITY x "&a;&a;&a;">]>',
        '<!DOCTYPE kml SYSTEM "http://127.0.0.1/evil.dtd">',
    ],
    ids=["external", "laughs", "dtd"],
)
def test_import_refuses_document_types_before_reading_them(doctype: str) -> None:
    """No entity is ever resolved, from within or from outside."""
    imported = read(f"{doctype}<kml>{PLACE}</kml>", "a.kml", radius_m=50)

    assert imported.documents == []
    assert [one.what for one in imported.problems] == ["document types and entities are not read"]
    assert imported.problems[0].line == 1


@pytest.mark.bad_input(68)
@pytest.mark.parametrize(
    "text",
    [
        "<kml><Placemark><name>&x;</name></Placemark></kml>",
        "<kml>" + "<Folder>" * 100 + "</Folder>" * 100 + "</kml>",
        "<kml><Placemark>" + "<a/>" * 30_000 + "</Placemark></kml>",
        "<kml><Placemark>",
        "<kml/>",
        "",
    ],
    ids=["undefined", "deep", "wide", "cut", "empty", "nothing"],
)
def test_import_bounds_xml(text: str) -> None:
    """One problem, no document."""
    imported = read(text, "a.kml")

    assert imported.documents == []
    assert len(imported.problems) == 1


@pytest.mark.bad_input(68)
@pytest.mark.parametrize(
    ("name", "text"),
    [("a.kmz", "x"), ("a.zip", "x"), ("a.csv", "PK\x03\x04"), ("a.exe", "x"), ("../a", "x")],
)
def test_import_opens_no_archive(name: str, text: str) -> None:
    """What is no file of places is refused by name or by its first bytes."""
    imported = read(text, name)

    assert imported.documents == []
    assert len(imported.problems) == 1


@pytest.mark.bad_input(67)
@pytest.mark.parametrize(
    "text",
    [
        "x" * (11 << 20),
        HEADER + "a" * (300 << 10),
        HEADER + 'a,"' + "b\n" * 200_000,
        HEADER + 'a,"b"c,1,2,3\n',
        "nothing,known\n1,2\n",
        "lat,lat\n1,2\n",
        "",
    ],
    ids=["file", "line", "open-quote", "quote", "header", "twice", "empty"],
)
def test_import_bounds_a_csv(text: str) -> None:
    """Files, lines and cells have a limit; the place is named."""
    imported = read(text)

    assert imported.documents == []
    assert len(imported.problems) == 1


@pytest.mark.bad_input(67)
def test_import_takes_a_formula_for_data_and_export_disarms_it() -> None:
    """``=HYPERLINK(`` is a name like any other, until a spreadsheet sees it."""
    evil = '=HYPERLINK("http://x","y")'
    row = f'a,"{evil.replace(chr(34), chr(34) * 2)}",51,12,60,@tag,+1,,\n'

    (document,) = read(HEADER + row).documents
    fence = fences.fence_of(document.body)
    exported = write_csv([fence])
    table = [row for row in csv.reader(io.StringIO(exported)) if row]

    assert (fence.name, fence.tags, fence.place_name) == (evil, frozenset({"@tag"}), "+1")
    assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for row in table for cell in row)
    assert read(exported).documents[0].canonical == document.canonical


@pytest.mark.bad_input(57)
def test_import_repairs_only_when_asked_and_says_so() -> None:
    """A bow-tie is refused with its place, or repaired and told."""
    bow_tie = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]
    geometry = {"type": "Polygon", "coordinates": [bow_tie]}
    text = json.dumps({"type": "Feature", "id": "bow", "geometry": geometry, "properties": {}})

    refused, mended = read(text, "a.geojson"), read(text, "a.geojson", repair=True)

    assert "self-intersection at [0.5, 0.5]" in refused.problems[0].what
    assert (refused.problems[0].feature, refused.problems[0].id) == (0, "bow")
    assert mended.problems == []
    assert mended.repaired[0].what == "self-intersection: 1 polygon(s) became 2"


@pytest.mark.parametrize("city", ["leipzig/districts", "seoul/districts", "monaco/pois"])
def test_export_reads_as_what_was_imported(city: str) -> None:
    """Real places go out and come in again unchanged, as GeoJSON and as CSV."""
    text = real_data(f"{city}.geojson").read_text("utf-8")
    first = read(text, "city.geojson", radius_m=25)
    live = live_of(first)
    all_fences = [fences.fence_of(body) for body in live.values()]

    as_json = read(json.dumps(geojson.to_collection(all_fences)), "x.geojson", live)
    as_csv = read(write_csv(all_fences), "x.csv", live)

    assert len(all_fences) > 50
    for again in (as_json, as_csv):
        assert [str(problem) for problem in again.problems] == []
        assert {d.id: d.canonical for d in again.documents} == {
            d.id: d.canonical for d in first.documents
        }


FILES = {
    "a.csv": HEADER + STUDIO + 'x,"Y",1.5,2.5,60,[1],=a,[[,gyms\n',
    "a.kml": KML,
    "a.gpx": GPX,
    "a.geojson": json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "id": 7,
                    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0]]]},
                    "properties": {"name": "A", "place": {"meta": {"a": None}}, "tags": ["x"]},
                },
                {"type": "Feature", "geometry": None, "properties": {"id": "b"}},
            ],
        }
    ),
}
PIECES = [
    "",
    ",",
    '"',
    "\n",
    "\r",
    "\0",
    "\\ud800",
    "<",
    ">",
    "&",
    "[",
    "{",
    "null",
    "1e999",
    "-",
    "é",
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_import_of_a_mangled_file_gives_rows_or_verdicts(name: str, data: st.DataObject) -> None:
    """Whatever stands in a file, nothing fails, and every row has a fence or a fault."""
    text = FILES[name]
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = text[:start] + data.draw(st.sampled_from(PIECES) | st.text(max_size=5)) + text[end:]

    imported = read(text, name, live_of(read(FILES["a.csv"])), repair=True, radius_m=50)
    bad = {(one.line, one.feature) for one in imported.problems if one.feature is not None}

    assert len(imported.documents) + len(bad) == imported.rows
    assert all(each.canonical for each in imported.documents)
