// Keeps a page as things stand: listens to the events that data-live names. Without it the page is as it was when it was made.
"use strict";

(() => {
  const root = document.querySelector("[data-live]");
  if (!root || !window.EventSource) return;

  const SILENT_MS = 25_000; // more than two beats of the server
  const AGAIN_MS = 3_000;
  const LONGEST_AGAIN_MS = 30_000;
  const SPOKEN_MS = 30_000;
  const SHOWN = 12;
  const OVER = {
    session: "サインインの時間が終わったか、見られる範囲が変わりました。ページを開き直してください。",
    elsewhere: "ほかの画面でライブを開いたので、この画面の自動更新を止めました。ここで見るには、ページを開き直してください。",
    gone: "この催告はもうありません。",
  };
  const LOST = "呼鈴との接続が切れました。下の数字は、切れたときのものです。つながると自動で新しくなります。電話は影響を受けません。";
  const BUSY = "いまは見ている人が多いので、自動では新しくなりません。しばらくすると、つながります。";

  const one = (selector, within = root) => within.querySelector(selector);
  const all = (selector, within = root) => within.querySelectorAll(selector);
  const number = (value) => value.toLocaleString("ja-JP");
  const share = (part, whole) => (whole ? `${(Math.round((1000 * part) / whole) / 10).toFixed(1)}%` : "―");
  const clock = new Intl.DateTimeFormat("ja-JP", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: root.dataset.zone,
  });
  const put = (node, text) => {
    if (node && node.textContent !== text) node.textContent = text;
  };
  const show = (node, shown) => {
    if (node) node.hidden = !shown;
  };

  let source = null;
  let cursor = root.dataset.cursor;
  let heard = Date.now();
  let wait = AGAIN_MS;
  let timer = 0;
  let held = false;
  let over = false;
  let lost = false;
  let known = "";
  let spokenAt = 0;
  let spokenState = "";

  // What is on the page.

  const campaign = (live) => {
    for (const node of all("[data-number]")) put(node, number(live[node.dataset.number]));
    for (const node of all("[data-rate]")) put(node, share(live[node.dataset.rate], live.dials));
    for (const node of all("[data-text]")) {
      put(node, live[node.dataset.text] || "");
      show(node, Boolean(live[node.dataset.text]));
    }
    show(one("[data-ends]"), Boolean(live.forecast));
    const progress = one("[data-progress]");
    progress.max = live.people || 1;
    progress.value = live.settled;
    chip(one("[data-chip]"), live);
    show(one("[data-none]"), !live.dials);
    show(one("[data-some]"), Boolean(live.dials));
    for (const bar of live.outcomes) {
      const row = one(`[data-outcome="${bar.code}"]`);
      if (!row) continue;
      show(row, bar.number > 0);
      put(one("[data-count]", row), number(bar.number));
      put(one("[data-share]", row), share(bar.number, live.dials));
      const drawn = one("progress", row);
      drawn.max = live.dials || 1;
      drawn.value = bar.number;
    }
    lines(live.lines);
    speak(live);
  };

  const chip = (node, live) => {
    node.className = `chip state-${live.state}`;
    put(node, live.state_label.split("（")[0]);
  };

  const lines = (told) => {
    for (const node of all("[data-line]")) put(node, number(told[node.dataset.line]));
    show(one("[data-lines]"), true);
    lamps(told.lamps);
  };

  const lamps = (letters) => {
    const box = one("[data-lamps]");
    if (!box || letters === known) return;
    known = letters;
    while (box.children.length > letters.length) box.lastElementChild.remove();
    while (box.children.length < letters.length) box.append(document.createElement("i"));
    for (let at = 0; at < letters.length; at += 1) {
      const name = `l-${letters[at]}`;
      if (box.children[at].className !== name) box.children[at].className = name;
    }
  };

  // Said aloud now and then, and at once where the state has changed.
  const speak = (live) => {
    const now = Date.now();
    if (live.state === spokenState && now - spokenAt < SPOKEN_MS) return;
    put(one("[data-spoken]"), `${live.state_label}。${number(live.people)} 人のうち ${number(live.settled)} 人が済み、${number(live.calling)} 件が通話中か発信中です。`);
    spokenAt = now;
    spokenState = live.state;
  };

  const day = (live) => {
    put(one("[data-window]"), live.window);
    one("[data-open]").className = `lamp ${live.open ? "on" : "off"}`;
    lines(live.lines);
    const cards = new Map([...all("[data-card]")].map((card) => [card.dataset.card, card]));
    for (const shown of live.campaigns) {
      const card = cards.get(shown.id);
      // It stands in another part of the page now, or was not there when the page was made.
      if (!card || (card.dataset.running === "1") !== (shown.state === "running")) return renew();
      cards.delete(shown.id);
      for (const node of all("[data-number]", card)) put(node, number(shown[node.dataset.number]));
      const progress = one("progress", card);
      progress.max = shown.people || 1;
      progress.value = shown.settled;
      put(one(".progress span", card), `${number(shown.settled)} / ${number(shown.people)} 人`);
      put(one(".reason", card), shown.reason || "");
      show(one(".reason", card), Boolean(shown.reason));
      chip(one(".chip", card), shown);
    }
    if (cards.size) renew();
  };

  // The page is made anew, unless somebody is in the middle of something on it.
  const renew = () => {
    if (document.querySelector("details[open]")) return;
    if (renewPage() && source) source.close();
  };

  const ended = (call) => {
    const list = one("[data-ended]");
    if (!list) return;
    const item = document.createElement("li");
    const time = document.createElement("time");
    time.dateTime = call.at;
    time.textContent = clock.format(new Date(call.at));
    const label = document.createElement("span");
    label.textContent = call.label;
    item.append(time, label);
    list.prepend(item);
    while (list.children.length > SHOWN) list.lastElementChild.remove();
    show(one("[data-quiet]"), false);
  };

  const buttons = (verbs) => {
    for (const node of all("[data-verb]")) {
      const shown = verbs.includes(node.dataset.verb);
      if (!shown && node.contains(document.activeElement)) one("h1").focus();
      if (!shown) node.open = false;
      show(node, shown);
    }
    show(one("[data-actions]"), verbs.length > 0);
  };

  // The connection.

  const say = () => {
    show(one("[data-plain]"), false);
    show(one("[data-said]"), true);
    const link = one("[data-link]");
    link.classList.toggle("lost", lost || over);
    link.classList.toggle("held", held);
    const words = over ? "自動更新は終わりました" : held ? "自動更新を止めています" : lost ? "つなぎ直しています" : "自動で更新しています";
    put(one("[data-said]"), words);
    const button = one("[data-hold]");
    show(button, !over);
    put(button, held ? "自動更新を再開する" : "自動更新を止める");
  };

  const lose = (words) => {
    lost = true;
    put(one("[data-lost-words]"), words);
    show(one("[data-lost]"), true);
    say();
  };

  const found = () => {
    heard = Date.now();
    wait = AGAIN_MS;
    if (lost) show(one("[data-lost]"), false);
    lost = false;
    say();
  };

  const finish = (words) => {
    over = true;
    close();
    lose(words);
  };

  const close = () => {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  };

  const again = () => {
    close();
    timer = setTimeout(listen, wait);
    wait = Math.min(2 * wait, LONGEST_AGAIN_MS);
  };

  // A browser does not tell why it was refused; the same question without listening does.
  const refused = async () => {
    close();
    try {
      const answer = await fetch(root.dataset.live, { headers: { accept: "application/json" } });
      if (answer.status === 401 || answer.status === 403) return finish(OVER.session);
      if (answer.status === 404) return finish(OVER.gone);
      lose(answer.ok ? BUSY : LOST);
    } catch {
      lose(LOST);
    }
    again();
  };

  const listen = () => {
    close();
    if (held || over) return;
    heard = Date.now();
    const address = root.dataset.live + (cursor ? `?after=${encodeURIComponent(cursor)}` : "");
    source = new EventSource(address);
    const on = (name, act) => source.addEventListener(name, (event) => {
      if (event.lastEventId) cursor = event.lastEventId;
      if (name !== "over") found();
      act(JSON.parse(event.data));
    });
    on("state", root.dataset.of === "day" ? day : campaign);
    on("ended", ended);
    on("buttons", buttons);
    on("anew", () => one("[data-ended]")?.replaceChildren());
    on("beat", () => {});
    on("over", (told) => finish(OVER[told.why] || LOST));
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) refused();
      else lose(LOST);
    });
  };

  setInterval(() => {
    if (!source || held || over || Date.now() - heard < SILENT_MS) return;
    lose(LOST);
    again();
  }, 5_000);

  one("[data-hold]").addEventListener("click", () => {
    held = !held;
    if (held) close();
    else listen();
    lost = false;
    show(one("[data-lost]"), false);
    say();
  });

  // A page that waits in the browser's history holds no connection.
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) listen();
  });

  one("h1")?.setAttribute("tabindex", "-1");
  show(one("[data-latest]"), true);
  listen();
})();
