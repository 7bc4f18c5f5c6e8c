// Registers without leaving the page, and keeps what the hub can't take now: encrypted, on this machine, until it is
// sent under the id that its form had from the start. Without this script the page is a plain form.
"use strict";

(() => {
  const { base, employee } = document.body.dataset;
  const offline = "offline" in document.body.dataset;
  const form = document.getElementById("register");
  const text = (name) => document.body.dataset[name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())];
  const safe = window.isSecureContext && "indexedDB" in window && "serviceWorker" in navigator;
  const PATIENCE = 10_000;
  const RETRY = 15_000;
  const HERE = `wegwijzer-counter-employee:${base}`;

  // ---- what is kept on this machine -------------------------------------------------------------------------------
  let opened = null;

  function store() {
    opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(`wegwijzer-counter:${base}`, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("keys");
        request.result.createObjectStore("waiting", { keyPath: "id" });
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    return opened;
  }

  async function ask(room, mode, question) {
    const transaction = (await store()).transaction(room, mode, { durability: "strict" });
    const request = question(transaction.objectStore(room));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }

  async function key() {
    const known = await ask("keys", "readonly", (keys) => keys.get("box"));
    if (known) return known;
    const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    await ask("keys", "readwrite", (keys) => keys.put(made, "box"));
    return made;
  }

  async function keep(fields) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(fields));
    const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await key(), plain);
    const by = employee || localStorage.getItem(HERE) || "";
    await ask("waiting", "readwrite", (all) => all.put({ id: fields.id, by, iv, box, refused: false }));
  }

  async function unpacked(entry) {
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: entry.iv }, await key(), entry.box);
    return JSON.parse(new TextDecoder().decode(plain));
  }

  const all = () => ask("waiting", "readonly", (waiting) => waiting.getAll());
  const forget = (id) => ask("waiting", "readwrite", (waiting) => waiting.delete(id));

  // ---- sending ----------------------------------------------------------------------------------------------------
  async function post(fields, csrf) {
    const body = new URLSearchParams({ ...fields, csrf });
    const headers = { Accept: "application/json" };
    const signal = AbortSignal.timeout(PATIENCE);
    return fetch(`${base}/`, { method: "POST", body, headers, signal, redirect: "error" });
  }

  const away = (status) => status === 408 || status === 429 || status >= 500;

  async function attempt(fields, csrf) {
    try {
      const answer = await post(fields, csrf);
      return away(answer.status) ? 0 : answer.status;
    } catch (_) {
      return 0; // not reached, or no answer in time: the id makes a second try harmless
    }
  }

  async function whoIsHere() {
    try {
      const answer = await fetch(`${base}/session`, { signal: AbortSignal.timeout(PATIENCE), redirect: "error" });
      if (answer.status === 401) return { signedOut: true };
      return answer.ok ? await answer.json() : null;
    } catch (_) {
      return null;
    }
  }

  async function sendWaiting() {
    const waiting = (await all()).filter((entry) => !entry.refused);
    if (!waiting.length && !offline) return show();
    const here = await whoIsHere();
    if (here && !here.signedOut) {
      for (const entry of waiting.filter((one) => one.by === here.name || one.by === "")) {
        if (!(await sendOne(entry, here.csrf))) break;
      }
    }
    await show(Boolean(here && here.signedOut));
    if (offline && here && !form.elements.subject.value && !form.elements.text.value) window.location.reload();
  }

  async function sendOne(entry, csrf) {
    const status = await attempt(await unpacked(entry), csrf);
    if (status === 200 || status === 201) {
      await forget(entry.id);
      tell(text("waiting-sent"));
      return true;
    }
    if (status === 409 || status === 413 || status === 422) {
      await ask("waiting", "readwrite", (waiting) => waiting.put({ ...entry, refused: true }));
      return true;
    }
    return false;
  }

  const flush = () =>
    navigator.locks
      ? navigator.locks.request(`counter:${base}`, { ifAvailable: true }, (lock) => (lock ? sendWaiting() : show()))
      : sendWaiting();

  // ---- the page ---------------------------------------------------------------------------------------------------
  function tell(message) {
    const told = document.getElementById("told");
    told.textContent = message;
    told.hidden = false;
  }

  async function show(signedOut = false) {
    const entries = await all();
    const refused = entries.filter((entry) => entry.refused).length;
    const me = employee || localStorage.getItem(HERE) || "";
    const others = entries.filter((entry) => entry.by && entry.by !== me).length;
    const parts = [entries.length === 1 ? text("waiting-one") : text("waiting-many").replace("{n}", entries.length)];
    if (others) parts.push(text("waiting-others").replace("{n}", others));
    if (refused) parts.push(text("waiting-refused").replace("{n}", refused));
    if (signedOut) parts.push(text("waiting-log-in"));
    document.getElementById("waiting-text").textContent = parts.join(" ");
    document.getElementById("waiting").hidden = !entries.length;
    document.getElementById("waiting-open").hidden = !entries.some((entry) => entry.refused && entry.by === me);
  }

  async function openFirst() {
    const me = employee || localStorage.getItem(HERE) || "";
    const entry = (await all()).find((one) => one.refused && one.by === me);
    if (!entry) return;
    const fields = await unpacked(entry);
    for (const control of form.elements) {
      if (!control.name || control.name === "csrf" || control.name === "id") continue;
      if (control.type === "checkbox") control.checked = Boolean(fields[control.name]);
      else control.value = fields[control.name] ?? "";
    }
    form.elements.id.value = crypto.randomUUID();
    form.dataset.replaces = entry.id;
    form.elements.subject.focus();
  }

  // ---- the product catalogue --------------------------------------------------------------------------------------
  const offer = document.getElementById("offer");
  const listed = document.getElementById("products");
  const ownProducts = listed ? [...listed.options].map((option) => option.value) : [];
  let offers = [];
  let asking = null;

  const named = (one) => `${one.name} (${one.id})`;

  async function searchProducts() {
    const words = form.elements.product.value.trim();
    asking?.abort();
    if (offers.some((one) => named(one) === words)) return showOffer();
    if (words.length < 2) return;
    asking = new AbortController();
    const query = new URLSearchParams({ q: words.replace(/.*\((\d+)\)$/, "$1"), language: form.elements.language.value });
    try {
      const answer = await fetch(`${base}/products?${query}`, { signal: asking.signal, redirect: "error" });
      if (!answer.ok) return;
      offers = (await answer.json()).products;
    } catch (_) {
      return; // the city's own short list is still there
    }
    const values = new Set([...ownProducts, ...offers.map(named)]);
    listed.replaceChildren(...[...values].map((value) => new Option("", value)));
    showOffer();
  }

  function chosenOffer() {
    const typed = form.elements.product.value.trim();
    const number = typed.match(/\((\d+)\)$/)?.[1] ?? typed;
    return offers.find((one) => one.id === number && one.answer);
  }

  function showOffer() {
    const one = chosenOffer();
    offer.hidden = !one;
    document.getElementById("offer-told").textContent = "";
    if (!one) return;
    document.getElementById("offer-name").textContent = named(one);
    const told = offer.dataset.version.replace("{version}", one.version).replace("{modified}", one.modified);
    document.getElementById("offer-version").textContent = told;
    document.getElementById("offer-answer").textContent = one.answer;
  }

  function useOffer() {
    const one = chosenOffer();
    if (!one) return;
    form.elements.answer.value = one.answer;
    form.elements.source.value = one.source;
    form.elements.answered.checked = true;
    if (!form.elements.subject.value) form.elements.subject.value = one.name;
    document.getElementById("offer-told").textContent = offer.dataset.used;
    form.elements.answer.focus();
  }

  let typing = 0;
  if (form && offer) {
    form.elements.product.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(searchProducts, 200);
    });
    form.elements.language.addEventListener("change", () => {
      offers = [];
      searchProducts();
    });
    document.getElementById("offer-use").addEventListener("click", useOffer);
  }
  form?.elements.answer.addEventListener("input", () => {
    if (!form.elements.answer.value.trim()) form.elements.source.value = "";
  });

  function filledIn() {
    const fields = Object.fromEntries(new FormData(form));
    delete fields.csrf;
    return { ...fields, at: fields.at || new Date().toISOString() };
  }

  function startAgain() {
    form.reset();
    form.elements.id.value = crypto.randomUUID();
    form.elements.at.value = "";
    form.elements.appointment.value = "";
    form.elements.source.value = "";
    if (offer) offer.hidden = true;
    form.elements.product.focus();
  }

  async function register() {
    const fields = filledIn();
    form.elements.at.value = fields.at;
    const status = offline ? 0 : await attempt(fields, form.elements.csrf.value);
    if (status === 200 || status === 201) {
      if (form.dataset.replaces) await forget(form.dataset.replaces);
      window.location.assign(`${base}/?done=${encodeURIComponent(fields.id)}`);
    } else if (status === 0) {
      await keep(fields);
      if (form.dataset.replaces) await forget(form.dataset.replaces);
      delete form.dataset.replaces;
      tell(text("waiting-kept"));
      startAgain();
      await show();
    } else {
      form.submit(); // the hub says on its own page what is wrong; the id stays
    }
  }

  let busy = false;
  form?.addEventListener("submit", async (event) => {
    if (!safe) return;
    event.preventDefault();
    if (busy) return;
    if (offline && !form.elements.subject.value.trim()) {
      form.elements.subject.focus();
      return;
    }
    busy = true;
    try {
      await register();
    } catch (_) {
      form.submit(); // nothing can be kept here (a full or private store): then as a plain form
    } finally {
      busy = false;
    }
  });

  form?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });

  document.querySelector("[aria-invalid='true']")?.focus();

  if (!safe) {
    if (form) tell(text("waiting-unsafe"));
    return;
  }
  if (employee) localStorage.setItem(HERE, employee);
  if (offline && form) {
    form.elements.id.value = crypto.randomUUID();
    form.elements.product.focus();
  }
  document.getElementById("waiting-open").addEventListener("click", openFirst);
  if (employee) navigator.serviceWorker.register(`${base}/sw.js`, { scope: `${base}/` }).catch(() => tell(text("waiting-unsafe")));
  window.addEventListener("online", flush);
  setInterval(flush, RETRY);
  flush();
})();
