"use strict";
/* Four conveniences; everything works without them: copying an id, the live flow of messages, how far a replay
   plan is, and what a mail looks like while its text is written. */

function addCopyButtons(root) {
  const { copy, copied } = document.body.dataset;
  for (const place of root.querySelectorAll("[data-copy]:not(body)")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = copy;
    button.setAttribute("aria-label", `${copy} ${place.dataset.copy}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(place.dataset.copy);
      button.textContent = copied;
      setTimeout(() => { button.textContent = copy; }, 2000);
    });
    place.after(button);
  }
}

class LiveRows {
  constructor(rows) {
    this.rows = rows;
    this.status = document.getElementById("live");
    this.toggle = document.getElementById("live-toggle");
    this.waiting = new Map();
    this.paused = false;
    this.status.hidden = false;
    document.getElementById("live-buttons").hidden = false;
    this.toggle.addEventListener("click", () => this.pauseOrGo());
    for (const event of ["selectionchange", "focusin", "focusout"]) {
      document.addEventListener(event, () => setTimeout(() => this.show(), 0));
    }
    this.listen();
  }

  listen() {
    this.stream = new EventSource(this.rows.dataset.live);
    this.stream.addEventListener("rows", (event) => this.take(JSON.parse(event.data)));
    this.stream.addEventListener("over", () => { this.stream.close(); this.say("stopped"); });
    this.stream.addEventListener("open", () => this.show());
    this.stream.addEventListener("error", () => this.say("stopped"));
    window.addEventListener("pagehide", () => this.stream.close());
  }

  /* Somebody reads with a selection or stands in the table with the keyboard: nothing may move away. */
  get busy() {
    const selection = document.getSelection();
    const selecting = selection && !selection.isCollapsed && this.rows.contains(selection.anchorNode);
    return this.paused || selecting || this.rows.contains(document.activeElement);
  }

  take(rows) {
    for (const row of rows) this.waiting.set(row.id, row.html);
    this.show();
  }

  show() {
    if (this.busy) {
      this.say(this.paused ? "off" : "held");
      return;
    }
    for (const [id, html] of this.waiting) this.put(id, html);
    this.waiting.clear();
    this.say("on");
  }

  put(id, html) {
    const template = document.createElement("template");
    template.innerHTML = html.trim();
    const fresh = template.content.querySelector("tr");
    const old = document.getElementById(`m-${id}`);
    if (old && old.dataset.version === fresh.dataset.version) return;
    fresh.classList.add("fresh");
    if (old) {
      old.replaceWith(fresh);
      return;
    }
    const next = [...this.rows.rows].find((row) => row.id < fresh.id);
    this.rows.insertBefore(fresh, next || null);
    while (this.rows.rows.length > 100) this.rows.deleteRow(-1);
  }

  pauseOrGo() {
    this.paused = !this.paused;
    this.toggle.textContent = this.paused ? this.toggle.dataset.go : this.toggle.dataset.pause;
    this.show();
  }

  say(word) {
    const text = this.status.dataset[word].replace("{n}", this.waiting.size);
    if (this.status.textContent !== text) this.status.textContent = text;
  }
}

/* The figures renew themselves; when the plan's state changes, so do the buttons: the page is loaded again, unless
   somebody is typing. */
class LiveProgress {
  constructor(place) {
    this.place = place;
    document.getElementById("progress-live").hidden = false;
    this.stream = new EventSource(place.dataset.progress);
    this.stream.addEventListener("progress", (event) => this.show(JSON.parse(event.data)));
    this.stream.addEventListener("over", () => this.stream.close());
    window.addEventListener("pagehide", () => this.stream.close());
  }

  show({ state, html }) {
    const typing = document.activeElement && document.activeElement.matches("input, textarea, select");
    if (state !== this.place.dataset.state && !typing) {
      window.location.replace(window.location.pathname);
      return;
    }
    if (!this.place.contains(document.activeElement)) this.place.innerHTML = html;
  }
}

/* Asks the page itself, as the button does, and takes the letter and what is wrong with it out of the answer. */
class LivePreview {
  static pause = 400;
  static parts = ["preview", "judgement"];

  constructor(form) {
    this.form = form;
    this.asked = 0;
    document.getElementById("see").hidden = true;
    form.addEventListener("input", (event) => {
      if (event.target.name === "reason") return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), LivePreview.pause);
    });
  }

  async ask() {
    const turn = ++this.asked;
    const body = new URLSearchParams(new FormData(this.form));
    body.set("do", "preview");
    const answer = await fetch(this.form.dataset.preview, { method: "POST", body }).catch(() => null);
    if (turn !== this.asked) return;
    if (!answer || !answer.ok || answer.redirected) {
      document.getElementById("see").hidden = false;
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (turn === this.asked) this.show(page);
  }

  show(page) {
    for (const id of LivePreview.parts) {
      const place = document.getElementById(id);
      const fresh = page.getElementById(id);
      if (fresh && place.innerHTML !== fresh.innerHTML) place.replaceChildren(...fresh.childNodes);
    }
    for (const id of ["subject", "text"]) {
      const wrong = page.getElementById(id).getAttribute("aria-invalid");
      const field = document.getElementById(id);
      if (wrong) field.setAttribute("aria-invalid", wrong);
      else field.removeAttribute("aria-invalid");
    }
  }
}

addCopyButtons(document);
const draft = document.querySelector("[data-preview]");
if (draft) new LivePreview(draft);
const progress = document.querySelector("[data-progress]");
if (progress) new LiveProgress(progress);
const liveRows = document.querySelector("[data-live]");
if (liveRows) new LiveRows(liveRows);
