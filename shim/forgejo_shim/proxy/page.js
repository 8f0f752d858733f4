"use strict";
// Every few seconds the page is fetched again and what has changed is changed: nodes stay, and with them focus,
// selection and place. Not while it is paused or nobody sees it.
const EVERY = 5000;
const button = document.getElementById("pause");
const line = document.getElementById("refreshing");
let paused = false, timer = 0;

function become(old, made) {
  if (old.isEqualNode(made)) return;
  if (old.nodeName !== made.nodeName) return old.replaceWith(made);
  if (old.nodeType !== Node.ELEMENT_NODE) { old.nodeValue = made.nodeValue; return; }
  for (const { name } of [...old.attributes]) if (!made.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of made.attributes) old.setAttribute(name, value);
  const had = [...old.childNodes], has = [...made.childNodes];
  had.forEach((node, at) => at < has.length ? become(node, has[at]) : node.remove());
  old.append(...has.slice(had.length));
}

async function refresh() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    become(document.querySelector("main"), page.querySelector("main"));
    document.title = page.title;
    tell();
  } catch {
    line.textContent = "The proxy does not answer; these figures are old.";
  }
  clearTimeout(timer);
  if (!paused) timer = setTimeout(refresh, EVERY);
}

function tell() {
  line.textContent = paused ? "Paused." : `Refreshes every ${EVERY / 1000} seconds.`;
  button.textContent = paused ? "Resume" : "Pause";
}

button.addEventListener("click", () => { paused = !paused; tell(); refresh(); });
document.addEventListener("visibilitychange", refresh);
button.hidden = false;
tell();
timer = setTimeout(refresh, EVERY);
