// Renews the state of the system by itself. Without it the page is as it was when it was made, and the link renews it.
"use strict";

(() => {
  const root = document.querySelector("[data-health]");
  const bar = document.querySelector("[data-renew]");
  if (!root || !bar || !window.DOMParser) return;

  const EVERY_MS = 10_000;
  const SOON_MS = 2_000; // while something is still being looked at
  const LIMIT_MS = 20_000;
  const said = bar.querySelector("[data-said]");
  const hold = bar.querySelector("[data-hold]");
  const spoken = document.querySelector("[data-spoken]");
  let held = false;
  let over = false;
  let timer = 0;

  const say = (text) => {
    if (said.textContent !== text) said.textContent = text;
  };

  const opened = () => [...root.querySelectorAll("details[open]")].map((one) => one.dataset.key);

  const renew = async () => {
    let next = EVERY_MS;
    try {
      const answer = await fetch(location.pathname, {
        headers: { accept: "text/html", "x-watches": "1" },
        redirect: "manual",
        signal: AbortSignal.timeout(LIMIT_MS),
      });
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
        over = true;
        say("サインインの時間が終わりました。ページを開き直してください。");
        hold.hidden = true;
        return;
      }
      if (!answer.ok) throw new Error("not now");
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-health]");
      if (held || !fresh) return;
      const open = opened();
      const focused = document.activeElement && root.contains(document.activeElement);
      const before = root.dataset.state;
      if (!focused) {
        root.replaceChildren(...fresh.childNodes);
        for (const key of open) root.querySelector(`details[data-key="${key}"]`)?.setAttribute("open", "");
        root.dataset.state = fresh.dataset.state;
        if (before !== fresh.dataset.state) spoken.textContent = root.querySelector("[data-summary]").textContent;
      }
      if (root.querySelector(".m-checking")) next = SOON_MS;
      say("自動で新しくなります");
    } catch {
      say("呼鈴との接続が切れました。下は、切れたときの状態です。つながると新しくなります。");
    }
    timer = setTimeout(renew, next);
  };

  hold.addEventListener("click", () => {
    held = !held;
    hold.textContent = held ? "自動更新を再開する" : "自動更新を止める";
    say(held ? "自動更新を止めています" : "自動で新しくなります");
    clearTimeout(timer);
    if (!held && !over) renew();
  });

  bar.querySelector("[data-plain]").hidden = true;
  said.hidden = false;
  hold.hidden = false;
  say("自動で新しくなります");
  timer = setTimeout(renew, root.querySelector(".m-checking") ? SOON_MS : EVERY_MS);
})();
