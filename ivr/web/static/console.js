// What the pages do without, and do better with. No page needs it.
"use strict";

// The answer to a form has the address of its page: whoever reloads it, or comes back to it, sends nothing again.
if (document.body.dataset.address) history.replaceState(history.state, "", document.body.dataset.address);

// A second click, while the first is on its way, would send the same thing twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.hasAttribute("data-download")) return; // the page stays
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
});

// Back from another page by the browser's history: what was sent then may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});

// A page makes itself anew only while nobody is on the way to another: to load it would take back their step. A download
// leaves no page, so that a way is one for ten seconds.
let leftAt = -Infinity;
window.addEventListener("beforeunload", () => { leftAt = performance.now(); });
const renewPage = () => {
  if (performance.now() - leftAt < 10000) return false;
  location.reload();
  return true;
};

// One question at a time, and Escape takes it back.
document.addEventListener("toggle", (event) => {
  if (!event.target.matches("details.confirm[open]")) return;
  for (const other of document.querySelectorAll("details.confirm[open]")) if (other !== event.target) other.open = false;
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details.confirm[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// Before a session ends for want of use, whoever is still reading or typing may stay. Shared by all pages of the browser.
const idle = Number(document.body.dataset.idle) * 1000;
if (idle) {
  const ending = document.getElementById("ending");
  const seen = "yobirin-seen";
  const note = () => localStorage.setItem(seen, String(Date.now()));
  const look = () => {
    const left = Number(localStorage.getItem(seen)) + idle - Date.now();
    if (left <= 0) renewPage();
    ending.hidden = left > 120000;
  };
  note();
  setInterval(look, 5000);
  document.getElementById("stay").addEventListener("click", async () => {
    const answer = await fetch("/api/v1/me", { headers: { accept: "application/json" } }).catch(() => null);
    if (!answer || !answer.ok) return;
    note();
    look();
    document.getElementById("main").focus();
  });
}
