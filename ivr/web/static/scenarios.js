// What the pages of scenarios do without, and do better with: mistakes are told as one types, sentences are heard.
"use strict";

const editor = document.getElementById("editor");
const text = editor ? editor.elements.text : null;

const ask = (path, values, signal) =>
  fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", "x-csrf-token": editor.elements.csrf.value },
    body: JSON.stringify(values),
    signal,
  });

// A sentence is heard as the text has it now, saved or not.
let playing = null;
const silence = () => {
  if (!playing) return;
  const { source, button, label } = playing;
  playing = null;
  if (source) source.stop();
  button.firstChild.data = label;
};
const hear = async (button) => {
  const again = playing && playing.button === button;
  silence();
  if (again) return;
  const mine = (playing = { button, label: button.firstChild.data, source: null });
  button.firstChild.data = "止める";
  let note = button.parentElement.querySelector("[role=status]");
  if (!note) {
    note = document.createElement("span");
    note.className = "hint";
    note.setAttribute("role", "status");
    button.after(note);
  }
  note.textContent = "用意しています…";
  try {
    const answer = await ask(button.formAction, { text: text.value, step: Number(button.value) });
    if (!answer.ok) throw new Error((await answer.json()).message);
    const context = (hear.context ||= new AudioContext());
    const sound = await context.decodeAudioData(await answer.arrayBuffer());
    note.textContent = "";
    if (playing !== mine) return;
    mine.source = context.createBufferSource();
    mine.source.buffer = sound;
    mine.source.connect(context.destination);
    mine.source.addEventListener("ended", () => playing === mine && silence());
    await context.resume();
    mine.source.start();
  } catch (error) {
    note.textContent = error.message && !(error instanceof TypeError) ? error.message : "いまは聞けません。もう一度押してください。";
    if (playing === mine) silence();
  }
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-hear]");
  if (!button || !text) return;
  event.preventDefault();
  hear(button);
});

if (editor && editor.dataset.check) {
  const sheet = document.getElementById("sheet");
  const mirror = document.getElementById("mirror");
  const verdict = document.getElementById("verdict");
  const problems = document.getElementById("problems");
  const flow = document.getElementById("flow");
  const unmeasured = document.getElementById("unmeasured");
  let marks = new Map();

  // The same words beneath the field, line by line: they carry the numbers and the marks, and make the field as high.
  const draw = () => {
    const lines = text.value.split("\n");
    while (mirror.children.length > lines.length) mirror.lastChild.remove();
    lines.forEach((line, at) => {
      const shown = mirror.children[at] || mirror.appendChild(document.createElement("div"));
      if (shown.textContent !== line) shown.textContent = line;
      shown.className = marks.get(at + 1) || "";
    });
  };
  const jump = (line) => {
    const lines = text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    text.focus({ preventScroll: true });
    text.setSelectionRange(start, start + (lines[line - 1] || "").length);
    const shown = mirror.children[line - 1];
    if (shown) {
      sheet.scrollTop = shown.offsetTop - sheet.clientHeight / 2;
      sheet.scrollIntoView({ block: "nearest" });
    }
  };
  const linked = () => {
    marks = new Map();
    for (const item of problems.children) {
      const line = Number(item.dataset.line);
      if (!line) continue;
      if (marks.get(line) !== "wrong") marks.set(line, item.className);
      const head = item.querySelector("strong");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${line} 行目へ`;
      button.addEventListener("click", () => jump(line));
      head.textContent = item.className === "wrong" ? "" : "注意 ";
      head.append(button);
    }
    sheet.classList.toggle("bad", [...marks.values()].includes("wrong"));
    draw();
  };
  const item = (kind, one) => {
    const made = document.createElement("li");
    made.className = kind;
    made.dataset.line = one.line;
    const said = document.createElement("p");
    const head = document.createElement("strong");
    head.textContent = kind === "wrong" ? "全体" : "注意";
    said.append(head, `　${one.message}`);
    made.append(said);
    if (one.there) made.append(Object.assign(document.createElement("code"), { textContent: one.there }));
    return made;
  };
  const say = (told) => {
    const wrong = told.errors.length + told.more;
    const doubtful = told.warnings.length;
    let words = "間違いはありません。";
    if (wrong) words = `間違い ${wrong} 件${doubtful ? `、注意 ${doubtful} 件` : ""}`;
    else if (doubtful) words = `間違いはありません。注意が ${doubtful} 件あります。`;
    if (verdict.textContent !== words) verdict.textContent = words;
    verdict.classList.toggle("bad", wrong > 0);
    problems.replaceChildren(...told.errors.map((one) => item("wrong", one)), ...told.warnings.map((one) => item("doubtful", one)));
    if (told.more) problems.append(item("wrong", { line: 0, message: `ほかに ${told.more} 件あります。上から直してください。`, there: "" }));
    text.toggleAttribute("aria-invalid", wrong > 0);
    if (wrong) text.setAttribute("aria-invalid", "true");
    unmeasured.hidden = told.measured || wrong > 0;
    linked();
    if (told.drawn !== null) {
      silence();
      const place = document.querySelector(".flowchart");
      const at = place ? [place.scrollLeft, place.scrollTop] : null;
      flow.innerHTML = told.drawn;
      const now = document.querySelector(".flowchart");
      if (at && now) [now.scrollLeft, now.scrollTop] = at;
    }
    let stale = document.getElementById("stale");
    if (wrong && !stale) {
      stale = Object.assign(document.createElement("p"), { id: "stale", className: "reason" });
      stale.textContent = "間違いを直すと、流れが新しくなります。";
      flow.before(stale);
    } else if (!wrong && stale) stale.remove();
  };

  // The newest text alone is asked about: what was asked before and is not answered yet is taken back.
  let waiting = 0;
  let asked = null;
  const check = async () => {
    if (asked) asked.abort();
    const mine = (asked = new AbortController());
    try {
      const answer = await ask(editor.dataset.check, { text: text.value, drawn: true, measured: false }, mine.signal);
      const told = await answer.json();
      if (asked !== mine) return;
      if (answer.ok) {
        say(told);
        if (told.errors.length || !editor.dataset.audible) return;
        // How long each sentence takes is known only once it is spoken: that comes after.
        const later = await ask(editor.dataset.check, { text: text.value, measured: true }, mine.signal);
        const measured = await later.json();
        if (asked === mine && later.ok && measured.measured) say(measured);
      } else verdict.textContent = answer.status === 401 ? "サインインが終わっています。内容はこのタブに残っているので、サインインし直してこのページを開いてください。" : told.message;
    } catch (error) {
      if (error.name !== "AbortError") verdict.textContent = "いまは調べられません。保存するときに調べます。";
    }
  };

  // What was typed and not saved survives a reload, and a session that ends, in this tab.
  const kept = `yobirin-scenario:${editor.dataset.kept.split(":")[0]}`;
  const same = (one, other) => one.trimEnd() === other.trimEnd();
  const unsaved = document.getElementById("unsaved");
  // Sent with a mistake, it is saved no more than before.
  if (editor.dataset.unsaved) sessionStorage.setItem(kept, text.value);
  const found = editor.dataset.unsaved ? null : sessionStorage.getItem(kept);
  const begun = sessionStorage.getItem("yobirin-scenario:new");
  if (begun !== null && same(begun, text.value) && !editor.dataset.unsaved) sessionStorage.removeItem("yobirin-scenario:new");
  if (found !== null && same(found, text.value)) sessionStorage.removeItem(kept);
  else if (found !== null) unsaved.hidden = false;
  const typed = () => {
    draw();
    try {
      sessionStorage.setItem(kept, text.value);
    } catch {
      // No room: the page works without.
    }
    clearTimeout(waiting);
    waiting = setTimeout(check, 500);
  };
  document.getElementById("take-unsaved").addEventListener("click", () => {
    text.value = found;
    unsaved.hidden = true;
    text.focus();
    typed();
  });
  document.getElementById("drop-unsaved").addEventListener("click", () => {
    sessionStorage.removeItem(kept);
    unsaved.hidden = true;
    text.focus();
  });

  text.addEventListener("input", typed);
  // A new line begins where the one before it does. Tab stays what it is: the way on.
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const line = text.value.slice(text.value.lastIndexOf("\n", text.selectionStart - 1) + 1, text.selectionStart);
    const indent = line.match(/^ */)[0];
    if (indent && document.execCommand("insertText", false, `\n${indent}`)) event.preventDefault();
  });
  sheet.classList.add("live");
  linked();
}
