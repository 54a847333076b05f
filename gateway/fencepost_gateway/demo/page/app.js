// Asks the gateway once a second what happened after the cursor, and shows it: newest on top,
// each decision with its checks on a click. Whatever comes from outside is set as text.

import { createMap } from "/demo/map.js";

const ENTRIES_MAX = 300;
const FILTERS = ["all", "sent", "withheld", "deferred"];
const COUNTED = ["fixes", "transitions", "decisions", "sent", "withheld", "deferred"];
const POLL_MS = 1000;

const byId = (id) => document.getElementById(id);
const map = createMap(byId("map"));
const list = byId("entries");
const time = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
let cursor = 0;
let chosen = FILTERS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "all";

const make = (name, className, text = "") => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
};

const checkList = (entry) => {
  const checks = make("ol", "checks");
  for (const { gate, ok, detail } of entry.checks ?? []) {
    const item = make("li", ok ? "pass" : "stop");
    item.append(make("span", "mark", ok ? "passed" : "stopped"), make("b", "", gate), make("span", "detail", detail));
    checks.append(item);
  }
  return checks;
};

const summary = (entry, hasDetails) => {
  const row = make(hasDetails ? "summary" : "div", "row");
  row.append(make("time", "", time.format(entry.at_ms)), make("b", "who", entry.person), make("span", "text", entry.text));
  if (entry.outcome) {
    const said = make("span", "said");
    said.append(make("span", "outcome", entry.outcome.replaceAll("_", " ")));
    const why = [entry.reason, entry.channel].filter(Boolean).join(" · ").replaceAll("_", " ");
    if (why) said.append(make("span", "why", why));
    row.append(said);
  }
  return row;
};

const item = (entry) => {
  const hasDetails = (entry.checks ?? []).length > 0;
  const element = make("li", `entry ${entry.kind === "transition" ? "transition" : "decision"}`);
  element.dataset.outcome = entry.outcome || "none";
  if (hasDetails) {
    const details = make("details");
    const id = make("p", "id", `fencepost explain ${entry.id}`);
    details.append(summary(entry, true), checkList(entry), id);
    element.append(details);
  } else {
    element.append(summary(entry, false));
  }
  element.addEventListener("pointerenter", () => map.point(entry.person));
  element.addEventListener("pointerleave", () => map.point(null));
  return element;
};

const isShown = (element) => chosen === "all" || element.dataset.outcome === chosen;

const refilter = () => {
  let shown = 0;
  for (const element of list.children) {
    element.hidden = !isShown(element);
    shown += element.hidden ? 0 : 1;
  }
  byId("empty").hidden = shown > 0;
  if (shown === 0 && list.children.length > 0) byId("empty").textContent = `Nothing ${chosen} yet.`;
  for (const chip of byId("filters").children) {
    chip.setAttribute("aria-pressed", String(chip.dataset.filter === chosen));
  }
};

const showCounts = (counts) => {
  byId("counts").replaceChildren(
    ...COUNTED.map((name) => {
      const group = make("div", `count-${name}`);
      group.append(make("dt", "", name), make("dd", "", String(counts[name] ?? 0)));
      return group;
    }),
  );
};

const showState = (state) => {
  if (state.town) {
    list.replaceChildren();
    map.drawTown(state.town, state.streets);
  }
  cursor = state.cursor;
  map.drawPeople(state.people);
  list.prepend(...state.entries.map(item).reverse());
  while (list.children.length > ENTRIES_MAX) list.lastElementChild.remove();
  showCounts(state.counts);
  refilter();
};

const say = (isLive) => {
  const link = byId("link");
  const text = isLive ? "live" : "no answer, trying again";
  if (link.textContent !== text) link.textContent = text;
  link.className = isLive ? "live" : "away";
};

const poll = async () => {
  try {
    const answer = await fetch(`/demo/state?after=${cursor}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    showState(await answer.json());
    say(true);
  } catch {
    say(false);
  }
  setTimeout(poll, POLL_MS);
};

for (const filter of FILTERS) {
  const chip = make("button", "chip", filter);
  chip.type = "button";
  chip.dataset.filter = filter;
  chip.addEventListener("click", () => {
    chosen = filter;
    history.replaceState(null, "", `#${filter}`);
    refilter();
  });
  byId("filters").append(chip);
}
showCounts({});
refilter();
poll();
