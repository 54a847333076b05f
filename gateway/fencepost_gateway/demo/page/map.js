// Draws the town: streets, fences, people. Plain SVG in metres, north up; text is only ever set
// as text. Coordinates come as [lat, lon] for streets and people, [lon, lat] inside GeoJSON.

const SVG = "http://www.w3.org/2000/svg";
const METRES_PER_DEGREE = 111195;
const MARGIN_M = 45;

export const make = (name, attributes = {}, text = "") => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
};

export const createMap = (svg) => {
  let project = () => [0, 0];
  let peopleLayer = null;
  const dots = new Map();

  const fit = (streets) => {
    const points = streets.flatMap((street) => street.line);
    const [lat0, lon0] = points[0];
    const metresPerLon = METRES_PER_DEGREE * Math.cos((lat0 * Math.PI) / 180);
    project = (lat, lon) => [(lon - lon0) * metresPerLon, (lat0 - lat) * METRES_PER_DEGREE];
    const xs = points.map(([lat, lon]) => project(lat, lon)[0]);
    const ys = points.map(([lat, lon]) => project(lat, lon)[1]);
    const left = Math.min(...xs) - MARGIN_M;
    const top = Math.min(...ys) - MARGIN_M;
    const width = Math.max(...xs) + MARGIN_M - left;
    const height = Math.max(...ys) + MARGIN_M - top;
    svg.setAttribute("viewBox", `${left} ${top} ${width} ${height}`);
  };

  const path = (rings) =>
    rings
      .map((ring) => `M${ring.map(([lon, lat]) => project(lat, lon).map((m) => m.toFixed(1)).join(" ")).join("L")}Z`)
      .join("");

  const fence = (feature) => {
    const { geometry, properties } = feature;
    const tag = String(properties.tags?.[0] ?? "other");
    const group = make("g", { class: `fence tag-${tag.replace(/[^a-z0-9-]/g, "")}` });
    group.append(make("title", {}, `${properties.name} (${tag})`));
    let label = [0, 0];
    if (geometry.type === "Point") {
      const [x, y] = project(geometry.coordinates[1], geometry.coordinates[0]);
      group.append(make("circle", { cx: x, cy: y, r: properties.radius_m, class: "shape" }));
      label = [x, y - properties.radius_m - 7];
    } else {
      const outer = geometry.coordinates[0].map(([lon, lat]) => project(lat, lon));
      group.append(make("path", { d: path(geometry.coordinates), class: "shape" }));
      const xs = outer.map(([x]) => x);
      label = [(Math.min(...xs) + Math.max(...xs)) / 2, Math.min(...outer.map(([, y]) => y)) - 7];
    }
    return { group, label: make("text", { x: label[0], y: label[1], class: "label" }, properties.name) };
  };

  const drawTown = (town, streets) => {
    svg.replaceChildren();
    dots.clear();
    fit(streets);
    const line = (street, kind) => {
      const [[x1, y1], [x2, y2]] = street.line.map(([lat, lon]) => project(lat, lon));
      return make("line", { x1, y1, x2, y2, class: `${kind}${street.major ? " major" : ""}` });
    };
    const fences = town.features.map(fence);
    peopleLayer = make("g", { class: "people" });
    svg.append(
      ...streets.map((street) => line(street, "casing")),
      ...streets.map((street) => line(street, "street")),
      ...fences.map(({ group }) => group),
      ...fences.map(({ label }) => label),
      peopleLayer,
    );
  };

  const drawPeople = (people) => {
    if (!peopleLayer) return;
    for (const { person, name, lat, lon, tracked } of people) {
      let dot = dots.get(person);
      if (!dot) {
        dot = make("g", { class: tracked === false ? "person untracked" : "person" });
        dot.append(make("circle", { r: 8 }), make("text", { x: 12, y: 5 }, name));
        dots.set(person, dot);
        peopleLayer.append(dot);
      }
      const [x, y] = project(lat, lon);
      dot.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    }
  };

  const point = (name) => {
    for (const dot of dots.values()) {
      dot.classList.toggle("pointed", dot.querySelector("text").textContent === name);
    }
  };

  return { drawTown, drawPeople, point };
};
