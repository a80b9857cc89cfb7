// A page that hears when what it was made from has changed, and fetches itself again.
// <main data-live="ticket" data-again="seconds">: the server says what to listen for, anew with each drawing.
// A form in which somebody has typed keeps what was typed; a page that nobody looks at waits until somebody does.
"use strict";
(() => {
  let source, ticket, timer, waiting = false, fetching = false;

  const main = () => document.getElementById("main");

  async function again() {
    if (document.hidden || fetching) { waiting = true; return; }
    waiting = false;
    fetching = true;
    try {
      await htmx.ajax("GET", location.href, {target: "#main", select: "#main", swap: "outerMorph"});
    } finally {
      fetching = false;
    }
    if (waiting) again();
  }

  function listen() {
    const here = main();
    if (!here || !here.dataset.live) return;
    clearTimeout(timer);
    if (here.dataset.again) timer = setTimeout(again, 1000 * Math.max(1, parseFloat(here.dataset.again)));
    if (here.dataset.live === ticket && source && source.readyState !== EventSource.CLOSED) return;
    ticket = here.dataset.live;
    if (source) source.close();
    source = new EventSource("/live?ticket=" + encodeURIComponent(ticket));
    source.addEventListener("tick", again);
    source.onerror = () => { // a server that stops refuses, and nobody would try again
      if (source.readyState === EventSource.CLOSED) setTimeout(() => { ticket = undefined; listen(); }, 5000);
    };
    // what was committed between the drawing and now was told to nobody here
    source.addEventListener("hello", again);
  }

  document.addEventListener("DOMContentLoaded", listen);
  document.addEventListener("htmx:after:swap", () => { shut(); listen(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && waiting) again(); });
  // what somebody opened stays open, as it is: from the click on, and where it was clicked before this was loaded;
  // what the server opened (data-open) moves on, and stays closed where somebody closed it
  const closed = new WeakSet();
  const shut = () => document.querySelectorAll("details[open][data-open]").forEach((details) => {
    if (closed.has(details)) details.open = false;
  });
  const keep = (details, open) => details.toggleAttribute("hx-morph-skip", open);
  document.querySelectorAll("details[open]:not([data-open])").forEach((details) => keep(details, true));
  document.addEventListener("click", (event) => {
    const details = event.target.closest("summary")?.parentElement;
    if (details && !details.open) keep(details, true);
  });
  document.addEventListener("toggle", (event) => {
    const details = event.target;
    if (!details.matches("details")) return;
    const servers = "open" in details.dataset;
    if (servers && !details.open) closed.add(details); else closed.delete(details);
    if (!servers || !details.open) keep(details, details.open);
  }, true);
  document.addEventListener("input", (event) => {
    if (event.target.form) event.target.form.setAttribute("hx-morph-skip", "");
  });
})();
