import { element, follow, local } from "./stream.js";

const phone = location.pathname.split("/").pop();
const part = (id) => document.getElementById(id);
let ringing = null;  // the id of the prompt on the screen

function show(picture) {
  part("number").textContent = local(picture.phone);
  part("balance").textContent = picture.balance;
  part("pin").textContent = picture.pin;
  showMessages(picture.messages);
  showPrompt(picture.prompt);
  document.title = `${picture.prompt ? "● " : ""}${local(picture.phone)} – virtual handset`;
}

function showMessages(messages) {
  const thread = part("thread");
  for (const message of [...messages].reverse()) {  // newest last, as phones show them
    const known = [...thread.children].some((each) => each.dataset.id === message.id);
    if (!known) {
      const item = document.createElement("li");
      item.dataset.id = message.id;
      item.append(element("span", "sender", "MPESA"), element("p", "bubble", message.text));
      thread.append(item);
      thread.scrollTop = thread.scrollHeight;
    }
  }
  part("empty").hidden = messages.length > 0;
}

function showPrompt(prompt) {
  if ((prompt?.id ?? null) === ringing) return;
  ringing = prompt?.id ?? null;
  part("veil").hidden = !prompt;
  part("entry").value = "";
  part("problem").hidden = true;
  part("prompt-text").textContent = prompt?.text ?? "";
  if (prompt) part("entry").focus();
}

async function reply(answer) {
  if (ringing === null) return;
  try {
    const response = await fetch(`/control/phones/${phone}/answer`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...answer, prompt: ringing }),
    });
    if (!response.ok) complain((await response.json()).message);
  } catch {
    complain("The simulator cannot be reached. Try again.");
  }
}

function complain(words) {
  part("problem").textContent = words;
  part("problem").hidden = false;
}

part("prompt").addEventListener("submit", (event) => {
  event.preventDefault();
  const pin = part("entry").value;
  if (/^[0-9]{4}$/.test(pin)) reply({ pin });
  else complain("A PIN has four digits.");
});
part("cancel").addEventListener("click", () => reply({ action: "cancel" }));
part("ignore").addEventListener("click", () => reply({ action: "ignore" }));

function onKey(key, change) {
  key.addEventListener("click", (event) => {
    part("entry").value = change(part("entry").value);
    if (event.detail > 0) part("entry").focus();  // by mouse: Enter then sends; by keyboard: stay on the key
  });
}

onKey(part("clear"), () => "");
onKey(part("erase"), (pin) => pin.slice(0, -1));
for (const key of document.querySelectorAll("[data-digit]")) {
  onKey(key, (pin) => (pin + key.dataset.digit).slice(0, 4));
}
part("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Escape") reply({ action: "cancel" });
});

follow(`/handset/phones/${phone}`, show, (up) => {
  part("link").classList.toggle("down", !up);
  part("link").textContent = up ? "Safaricom" : "Reconnecting";
});
