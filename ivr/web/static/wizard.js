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
        if (!renewPage()) setTimeout(look, 1500);
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

// The week is one stop of the keyboard: arrows go from hour to hour, Space chooses; its headings choose a weekday or an hour as a whole.
for (const week of document.querySelectorAll("[data-week]")) {
  const rows = [...week.rows];
  const turn = (boxes) => {
    const on = boxes.some((box) => !box.checked);
    for (const box of boxes) box.checked = on;
  };
  for (const head of week.querySelectorAll("th[data-whole]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", head.dataset.whole);
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const cells = head.scope === "row" ? [...head.parentElement.cells] : rows.map((row) => row.cells[head.cellIndex]);
      turn(cells.map((cell) => cell.querySelector("input")).filter(Boolean));
    });
  }
  const stop = (row, column) => rows[row]?.cells[column]?.querySelector("input, button");
  const stops = [...week.querySelectorAll("input, button")];
  const stay = (one) => {
    for (const other of stops) other.tabIndex = other === one ? 0 : -1;
  };
  stay(week.querySelector("input") || stops[0]);
  week.addEventListener("focusin", (event) => stay(event.target));
  const ways = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  week.addEventListener("keydown", (event) => {
    const way = ways[event.key];
    const cell = event.target.closest("th, td");
    if (!way || !cell || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    let [row, column] = [cell.parentElement.rowIndex + way[0], cell.cellIndex + way[1]];
    // Over hours that are not the office's.
    while (rows[row]?.cells[column] && !stop(row, column)) [row, column] = [row + way[0], column + way[1]];
    stop(row, column)?.focus();
  });
  for (const note of document.querySelectorAll("[data-week-note]")) note.hidden = false;
}
