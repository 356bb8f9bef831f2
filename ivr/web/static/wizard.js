// What the pages do without, and do better with: a file is dropped, a forecast is watched, a row of the week is chosen.
"use strict";

for (const form of document.querySelectorAll("form[data-upload]")) {
  const most = Number(form.dataset.upload);
  const drop = form.querySelector(".drop");
  const input = form.querySelector('input[type="file"]');
  const wrong = form.querySelector("[data-too-big]");
  const note = form.querySelector("[data-busy]");
  const fits = () => {
    const tooBig = input.files.length > 0 && input.files[0].size > most;
    wrong.textContent = tooBig ? wrong.dataset.tooBig : "";
    input.toggleAttribute("aria-invalid", tooBig);
    return !tooBig;
  };
  input.addEventListener("change", fits);
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      fits();
    }
  });
  // Before the page's own: what is too big is not sent, and no button is locked for it.
  form.addEventListener("submit", (event) => {
    if (fits()) {
      note.textContent = note.dataset.busy;
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    input.focus();
  }, true);
}

// Until what is awaited is over; then the page as it is now.
const watched = document.querySelector("[data-poll]");
if (watched) {
  const states = watched.dataset.while.split(" ");
  const look = async () => {
    try {
      const answer = await fetch(watched.dataset.poll, { headers: { accept: "application/json" } });
      if (!answer.ok) return;
      const told = await answer.json();
      if (!states.includes(told.state)) {
        location.reload();
        return;
      }
      const bar = watched.querySelector("progress");
      if (bar) {
        bar.value = told.done;
        watched.querySelector("[data-done]").textContent = told.done.toLocaleString("ja-JP");
      }
    } catch {
      // The engine may be starting again: the next look finds it.
    }
    setTimeout(look, 1500);
  };
  setTimeout(look, 1500);
}

// A weekday or an hour as a whole, by a click on its heading.
for (const week of document.querySelectorAll("[data-week]")) {
  const turn = (boxes) => {
    const on = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = on;
  };
  week.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    if (head.scope === "row") turn([...head.parentElement.querySelectorAll("input")]);
    else turn([...week.querySelectorAll("tbody tr")].map((row) => row.cells[head.cellIndex]?.querySelector("input")).filter(Boolean));
  });
}
