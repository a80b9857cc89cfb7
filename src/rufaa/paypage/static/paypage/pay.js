// Draws the page anew when something has changed. What somebody has typed or opened stays as it is.
// Plain ES2015: a browser that could not read this would neither hear nor be told by the page to load itself again.
"use strict";
(() => {
  const main = document.querySelector("main");
  let source, ticket, timer, waiting = false, busy = false;

  const named = (within, name) => within.querySelector('[name="' + name + '"]');

  function put(old, fresh) {
    if (!fresh || old.innerHTML === fresh.innerHTML) return;
    old.querySelectorAll("input:not([type=hidden])").forEach((from) => {
      const to = named(fresh, from.name);
      if (to && from.value) to.value = from.value;
    });
    old.querySelectorAll("details[open]").forEach((from) => {
      const to = fresh.querySelector("#" + from.id);
      if (to) to.open = true;
    });
    const at = old.contains(document.activeElement) && document.activeElement.name;
    old.className = fresh.className;
    old.textContent = "";
    while (fresh.firstChild) old.appendChild(fresh.firstChild);
    if (at && named(old, at)) named(old, at).focus();
  }

  function draw(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.querySelector("main");
    Array.from(main.children).forEach((part) => { if (part.id) put(part, fresh.querySelector("#" + part.id)); });
    document.title = page.title;
    ["live", "rings"].forEach((name) => {
      if (name in fresh.dataset) main.dataset[name] = fresh.dataset[name]; else delete main.dataset[name];
    });
  }

  function again() {
    waiting = document.hidden || busy;
    if (waiting) return;
    busy = true;
    fetch(main.dataset.page, {credentials: "same-origin"})
      .then((answer) => answer.ok ? answer.text().then(draw) : null)
      .catch(() => null)  // no network: the next tick, or the timer, tries again
      .then(() => { busy = false; if (waiting) again(); else listen(); });
  }

  function listen() {
    clearTimeout(timer);
    // where no stream is to be had, a ringing phone is looked after all the same
    if ("rings" in main.dataset) timer = setTimeout(() => source && source.readyState === 1 ? listen() : again(), 10000);
    if (main.dataset.live === ticket) return;
    if (source) source.close();
    source = null;
    ticket = main.dataset.live;
    if (!ticket || !window.EventSource) return;
    // what was committed before the stream began was told to nobody here
    let first = !("rings" in main.dataset);
    source = new EventSource("/live?ticket=" + encodeURIComponent(ticket));
    source.addEventListener("tick", again);
    source.addEventListener("hello", () => { if (first) first = false; else again(); });
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && waiting) again(); });
  listen();
})();
