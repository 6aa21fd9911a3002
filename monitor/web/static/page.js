// Keeps a page up to date, lets its clocks run, and reads days out. Without it the page asks again
// by itself and says the same. Nothing from outside is ever made into markup here: a new page comes
// from the server, which has escaped it, and all else is set as text.
(() => {
  "use strict";

  const POLL = 30000; // milliseconds between two looks when no event comes
  const SOON = 120; // events of one moment make one look
  let ahead = 0; // our clock against the server's, in milliseconds
  let looking = false;
  let again = false;

  const main = () => document.querySelector("main");

  // ------------------------------------------------------------ clocks

  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

  function span(seconds) {
    let rest = Math.max(0, Math.round(seconds));
    const parts = [];
    for (const [size, unit] of UNITS) {
      const count = Math.floor(rest / size);
      rest -= count * size;
      if (count || parts.length || unit === "s") parts.push([count, unit]);
      if (parts.length === 2) break;
    }
    return parts.filter(([count], place) => count || !place).map((part) => part.join(" ")).join(" ");
  }

  function tick() {
    const now = Date.now() - ahead;
    for (const clock of document.querySelectorAll("[data-since]")) {
      clock.textContent = span((now - Date.parse(clock.dataset.since)) / 1000);
    }
  }

  function setClock() {
    ahead = Date.now() - Date.parse(main().dataset.now);
  }

  // ------------------------------------------------------------ a new page in place of the old one

  async function look() {
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      mark(answer.ok);
    } catch {
      mark(false);
    }
    looking = false;
    if (again) {
      again = false;
      look();
    }
  }

  function show(fresh) {
    const next = fresh.querySelector("main");
    if (!next) return;
    const open = [...document.querySelectorAll("main details[open][id]")].map((each) => each.id);
    const focused = document.activeElement && document.activeElement.id;
    const old = main();
    old.replaceWith(next);
    document.title = fresh.title;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    setUp();
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function mark(live) {
    const sign = document.querySelector(".live");
    if (!sign) return;
    sign.hidden = false;
    sign.classList.toggle("lost", !live);
    sign.textContent = live ? "live" : "not reached, trying again";
  }

  // ------------------------------------------------------------ days

  function words(chart, place) {
    const day = new Date(Date.parse(chart.dataset.first) + place * 86400000);
    const date = day.toLocaleDateString("en-GB", {
      day: "2-digit", month: "short", year: "numeric", timeZone: "UTC",
    });
    const figures = chart.dataset.days.split(" ")[place];
    if (!figures || figures === "-") return `${date}: nothing known`;
    const [share, seen, away] = figures.split(",").map(Number);
    const available = share >= 10000 ? "100" : (share / 100).toFixed(2);
    const lost = away ? `, ${span(away * 60)} away` : "";
    return `${date}: ${available} % available, ${seen} % seen${lost}`;
  }

  function setUpDays(chart) {
    const count = chart.dataset.days.split(" ").length;
    const tip = document.getElementById(chart.getAttribute("aria-describedby"));
    const cursor = chart.querySelector(".cursor");
    const whole = tip.textContent;
    let place = count - 1;
    const point = (to) => {
      place = Math.min(count - 1, Math.max(0, to));
      cursor.setAttribute("x", String(place * 10));
      cursor.removeAttribute("visibility");
      tip.textContent = words(chart, place);
    };
    const leave = () => {
      cursor.setAttribute("visibility", "hidden");
      tip.textContent = whole;
    };
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -7, PageDown: 7, Home: -count, End: count };
    chart.tabIndex = 0;
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      point(Math.floor(((event.clientX - box.left) / box.width) * count));
    });
    chart.addEventListener("pointerleave", leave);
    chart.addEventListener("focus", () => point(place));
    chart.addEventListener("blur", leave);
    chart.addEventListener("keydown", (event) => {
      if (event.key in steps) {
        event.preventDefault();
        point(place + steps[event.key]);
      }
    });
  }

  // ------------------------------------------------------------ begin

  function setUp() {
    setClock();
    for (const chart of document.querySelectorAll("svg[data-days]")) setUpDays(chart);
    tick();
  }

  setUp();
  setInterval(tick, 1000);
  if (!main().hasAttribute("data-live")) return;
  setInterval(() => document.hidden || look(), POLL);
  document.addEventListener("visibilitychange", () => document.hidden || look());
  let soon = 0;
  const source = new EventSource("/api/v1/events");
  const heard = () => {
    clearTimeout(soon);
    soon = setTimeout(look, SOON);
  };
  const names = [
    "component.state", "incident.opened", "incident.updated", "incident.recovering",
    "incident.closed", "incident.reopened", "incident.reminder", "incident.revised",
    "monitor.blind", "monitor.sighted", "monitor.misconfigured",
  ];
  for (const name of names) source.addEventListener(name, heard);
  source.addEventListener("open", () => mark(true));
  source.addEventListener("error", () => mark(false));
})();
