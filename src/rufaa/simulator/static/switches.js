// The fault switches: what is on shows itself, and a switch that was used once goes off by itself.
import { ask } from "./stream.js";

const rows = [...document.querySelectorAll("[data-switch]")];

export function showSwitches(picture) {
  const on = [];
  for (const row of rows) {
    const shown = picture.switches.find((each) => each.name === row.dataset.switch);
    if (shown.on !== null) on.push(`${row.dataset.short} (${shown.on})`);
    row.classList.toggle("on", shown.on !== null);
    const seconds = row.querySelector("[type=number]");
    if (shown.on !== null && seconds && document.activeElement !== seconds) seconds.value = shown.seconds;
    row.querySelector(`[value=${shown.times}]`).checked = true;
  }
  on.push(...picture.others);
  document.getElementById("on-now").textContent = on.length ? `On now: ${on.join("; ")}.` : "Nothing goes wrong on purpose.";
  document.getElementById("all-off").hidden = on.length === 0;
}

async function change(row) {
  const chosen = row.querySelector("[type=radio]:checked").value;
  const seconds = row.querySelector("[type=number]")?.valueAsNumber;
  const path = `/control/switches/${row.dataset.switch}`;
  try {
    if (chosen === "off") await ask(path, undefined, "DELETE");
    else await ask(path, seconds === undefined ? { times: chosen } : { times: chosen, seconds });
  } catch (error) {
    row.querySelector("[value=off]").checked = true;
    row.dispatchEvent(new CustomEvent("trouble", { bubbles: true, detail: error.message }));
  }
}

for (const row of rows) row.addEventListener("change", (event) => {
  const on = row.querySelector("[type=radio]:checked").value !== "off";
  if (event.target.type === "radio" || on) change(row);
});
