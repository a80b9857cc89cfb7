// One phone: its wallet, its messages, the prompt over its screen.
import { ask, element } from "./stream.js";

export class Phone {
  constructor(root) {
    this.root = root;
    this.number = root.dataset.phone;
    this.asked = null;  // the prompt on the screen
    this.route = `/control/phones/${this.number}`;
    this.part("manner").addEventListener("change", (event) => this.become(event.target.value));
    this.part("switch-on").addEventListener("click", () => this.become("by-number"));
    this.part("mark").addEventListener("click", () => this.tell(ask(`${this.route}/read`, {})));
    this.wire(this.part("lipa"), (form) => this.pay(form));
    this.wire(this.part("cash"), (form) => this.payIn(form));
    this.part("empty-it").addEventListener("click", () => {
      this.tell(ask(`/control/wallets/${this.number}`, { balance_cents: 0 }));
    });
    this.wirePrompt();
  }

  part(name) {
    return this.root.querySelector(`.${name}`);
  }

  linked(up) {
    this.part("link").classList.toggle("down", !up);
    this.part("link").textContent = up ? "Safaricom" : "Reconnecting";
  }

  show(picture) {
    this.part("balance").textContent = picture.balance;
    this.part("badge").textContent = `${picture.unread} new`;
    this.part("badge").hidden = picture.unread === 0;
    this.part("mark").hidden = picture.unread === 0;
    this.showMessages(picture.messages);
    this.showPrompt(picture.prompt);
    const off = picture.manner === "off";
    if (document.activeElement !== this.part("manner")) this.part("manner").value = picture.manner;
    this.part("off").hidden = !off;
    this.part("screen").inert = off || picture.prompt !== null;
    this.root.classList.toggle("is-off", off);
    this.root.classList.toggle("rings", picture.prompt !== null);
  }

  showMessages(messages) {
    const thread = this.part("thread");
    const known = new Map([...thread.children].map((each) => [each.dataset.id, each]));
    messages.forEach((message, place) => {
      const item = known.get(message.id) ?? bubble(message);
      item.classList.toggle("new", !message.read);
      if (thread.children[place] !== item) thread.insertBefore(item, thread.children[place] ?? null);
    });
    while (messages.length && thread.children.length > messages.length) thread.lastElementChild.remove();
  }

  // ---------------------------------------------------------------- the prompt

  wirePrompt() {
    const prompt = this.part("prompt");
    const entry = this.part("entry");
    entry.addEventListener("input", () => { entry.value = entry.value.replace(/[^0-9]/g, "").slice(0, 4); });
    prompt.addEventListener("submit", (event) => {
      event.preventDefault();
      if (/^[0-9]{4}$/.test(entry.value)) this.reply({ pin: entry.value });
      else this.complain("A PIN has four digits.");
    });
    prompt.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.reply({ action: "cancel" });
    });
    this.part("cancel").addEventListener("click", () => this.reply({ action: "cancel" }));
    this.part("aside").addEventListener("click", () => this.reply({ action: "ignore" }));
    const onKey = (key, change) => key.addEventListener("click", (event) => {
      entry.value = change(entry.value);
      if (event.detail > 0) entry.focus();  // by mouse: Enter then sends; by keyboard: stay on the key
    });
    onKey(this.part("clear"), () => "");
    onKey(this.part("erase"), (pin) => pin.slice(0, -1));
    for (const key of prompt.querySelectorAll("[data-digit]")) {
      onKey(key, (pin) => (pin + key.dataset.digit).slice(0, 4));
    }
  }

  showPrompt(prompt) {
    if ((prompt?.id ?? null) === (this.asked?.id ?? null)) return;
    this.asked = prompt;
    this.part("prompt").hidden = !prompt;
    this.part("entry").value = "";
    this.part("problem").hidden = true;
    this.part("asked").textContent = prompt?.text ?? "";
    this.busy(false);
    if (prompt && !isTyping(this.root)) this.part("entry").focus();
  }

  tick(now, clock) {
    this.part("clock").textContent = clock;
    if (this.asked === null) return;
    const left = Math.max(0, (this.asked.endsAt - now) / 1000);
    const whole = (this.asked.endsAt - this.asked.beganAt) / 1000;
    this.part("timer").hidden = !(whole > 0);
    this.part("seconds").textContent = Math.ceil(left);
    this.part("left").setAttribute("stroke-dashoffset", String(100 - Math.min(100, (100 * left) / whole)));
    this.part("timer").classList.toggle("soon", left <= 10);
  }

  async reply(answer) {
    if (this.asked === null) return;
    this.busy(true);
    try {
      await ask(`${this.route}/answer`, { ...answer, prompt: this.asked.id });
    } catch (error) {
      this.busy(false);
      this.complain(error.message);
    }
  }

  busy(is) {
    for (const each of this.part("prompt").querySelectorAll("button")) each.disabled = is;
    this.part("send").textContent = is ? "Sending …" : "Send";
  }

  complain(words) {
    this.part("problem").textContent = words;
    this.part("problem").hidden = false;
  }

  // ---------------------------------------------------------------- its menu

  wire(menu, act) {
    const form = menu.querySelector("form");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const said = menu.querySelector(".said");
      try {
        said.textContent = await act(new FormData(form));
      } catch (error) {
        said.textContent = error.message;
      }
    });
  }

  async pay(form) {
    const field = (name) => form.get(name).trim();
    try {
      const paid = await ask(`${this.route}/pay`, {
        to: field("business"), reference: field("account"), shillings: shillings(field("amount")), pin: field("pin"),
      });
      return `Paid: ${paid.receipt}.`;
    } catch (error) {
      throw new Error(`Not paid. ${error.message}`);
    }
  }

  async payIn(form) {
    await ask(`${this.route}/cash`, { shillings: shillings(form.get("shillings").trim()) });
    return "Added.";
  }

  become(manner) {
    this.tell(ask(`${this.route}/manner`, { manner }));
  }

  async tell(asked) {
    try {
      await asked;
    } catch (error) {
      this.root.dispatchEvent(new CustomEvent("trouble", { bubbles: true, detail: error.message }));
    }
  }
}

function bubble(message) {
  const item = document.createElement("li");
  item.dataset.id = message.id;
  const head = element("p", "head", "");
  head.append(element("b", "sender", message.from), element("span", "when quiet", message.when));
  item.append(head, element("p", "bubble", message.text));
  if (message.text.startsWith("Failed.")) item.classList.add("failed");
  return item;
}

// "1,250" as a number; what is none goes as it is, and is refused in words.
function shillings(text) {
  const plain = text.replaceAll(",", "");
  return /^[0-9]+$/.test(plain) ? Number(plain) : text;
}

// Whether somebody types elsewhere now, and must not lose the cursor to this phone.
function isTyping(phone) {
  const active = document.activeElement;
  return !phone.contains(active) && active.matches("input, select, textarea, summary, .prompt *");
}
