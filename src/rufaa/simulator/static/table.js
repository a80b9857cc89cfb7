// The table: its phones, each with its own state, the switches beside them, and the one stream that keeps all fresh.
import { Phone } from "./phone.js";
import { ask, element, follow } from "./stream.js";
import { showSwitches } from "./switches.js";

const part = (id) => document.getElementById(id);
const phones = [...document.querySelectorAll("[data-phone]")].map((each) => new Phone(each));
const onTable = new Set(phones.map((each) => each.number));
const time = new Intl.DateTimeFormat("en-KE", { timeZone: "Africa/Nairobi", hour: "2-digit", minute: "2-digit", hour12: false });
let clock = null;  // what the simulator's time was at a moment of ours

// The simulator's time in milliseconds, which stands still if a test moves it.
function now() {
  return clock.at + (clock.stands ? 0 : performance.now() - clock.seen);
}

function show(picture) {
  clock = { at: picture.at, stands: picture.stands, seen: performance.now() };
  for (const each of picture.phones) phones.find((phone) => phone.number === each.phone)?.show(each);
  showOthers(picture);
  showSwitches(picture);
  part("chaos").textContent = picture.chaos ?? "";
  part("chaos").hidden = picture.chaos === null;
  part("tills").replaceChildren(...picture.tills.map(till));
  document.title = title(picture);
  tick();
}

function title(picture) {
  const rings = picture.phones.filter((each) => each.prompt).length + picture.ringing.length;
  const alone = picture.phones.length === 1 ? `${picture.phones[0].local} – virtual handset` : "Virtual handset";
  return `${rings ? "● " : ""}${alone}`;
}

function showOthers(picture) {
  part("ringing").replaceChildren(...picture.ringing.map((each) => adding(each, element("span", "quiet small", each.text))));
  part("elsewhere").hidden = picture.ringing.length === 0;
  part("known").replaceChildren(
    ...picture.known.map((each) => adding(each, element("span", "number quiet", each.balance))),
  );
  for (const tab of document.querySelectorAll("nav [data-tab]")) {
    const phone = picture.phones.find((each) => each.phone === tab.dataset.tab);
    tab.classList.toggle("rings", Boolean(phone?.prompt));
  }
}

// A link that puts a phone on the table besides those that are there.
function adding(each, detail) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/?${[...onTable, each.phone].map((phone) => `phone=${phone}`).join("&")}`;
  link.append(element("span", "number", each.local), detail);
  item.append(link);
  return item;
}

function till(each) {
  const item = element("li", "row", "");
  item.append(element("span", "", `${each.name} (${each.shortCode})`), element("span", "number", each.balance));
  return item;
}

function tick() {
  if (clock === null) return;
  const shown = time.format(now());
  for (const each of phones) each.tick(now(), shown);
}

document.body.addEventListener("trouble", (event) => {
  part("trouble").textContent = event.detail;
  part("trouble").hidden = false;
});
for (const kind of ["click", "change"]) {
  document.addEventListener(kind, () => { part("trouble").hidden = true; }, { capture: true });
}
part("all-off").addEventListener("click", async () => {
  try {
    await ask("/control/switches", undefined, "DELETE");
  } catch (error) {
    document.body.dispatchEvent(new CustomEvent("trouble", { detail: error.message }));
  }
});
setInterval(tick, 1000);
follow(document.body.dataset.stream, show, (up) => {
  for (const each of phones) each.linked(up);
});
