import { element, follow, local } from "./stream.js";

const part = (id) => document.getElementById(id);

function phoneLink(phone, detail) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/phone/${encodeURIComponent(phone)}`;
  link.append(element("span", "number", local(phone)), detail);
  item.append(link);
  return item;
}

function till(each) {
  const item = element("li", "row", "");
  item.append(element("span", "", `${each.name} (${each.shortCode})`), element("span", "number", each.balance));
  return item;
}

function show(picture) {
  part("ringing").replaceChildren(
    ...picture.ringing.map((each) => phoneLink(each.phone, element("span", "quiet", each.text))),
  );
  part("silence").hidden = picture.ringing.length > 0;
  part("phones").replaceChildren(
    ...picture.phones.map((each) => phoneLink(each.phone, element("span", "number quiet", each.balance))),
  );
  part("nobody").hidden = picture.phones.length > 0;
  part("chaos").textContent = picture.chaos ?? "";
  part("chaos").hidden = picture.chaos === null;
  part("tills").replaceChildren(...picture.tills.map(till));
  document.title = picture.ringing.length ? `(${picture.ringing.length}) Virtual handset` : "Virtual handset";
}

part("wrong-number").hidden = !new URLSearchParams(location.search).has("wrong-number");
follow("/handset/phones", show);
