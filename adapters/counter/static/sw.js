// Keeps the registration page within reach when the hub is not: the form without anybody's data, its style and its
// script. Registrations themselves are none of its business (counter.js keeps those).
"use strict";

const CACHE = "counter-2";
const base = new URL(".", self.location).pathname.replace(/\/$/, "");
const OFFLINE = `${base}/offline`;
const FILES = [
  OFFLINE,
  `${base}/static/counter.css`,
  `${base}/static/counter.js`,
  "/static/console.css",
  "/static/wegwijzer.svg",
];
const AWAY = new Set([502, 503, 504]);

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = new URL(request.url).pathname;
  if (request.method !== "GET") return;
  if (request.mode === "navigate" && (path === `${base}/` || path === base)) event.respondWith(page(request));
  else if (FILES.includes(path) && path !== OFFLINE) event.respondWith(file(request));
});

async function page(request) {
  try {
    const answer = await fetch(request);
    if (!AWAY.has(answer.status)) return answer;
  } catch (_) {
    // the hub can't be reached: the kept page says so
  }
  return (await caches.match(OFFLINE)) || Response.error();
}

async function file(request) {
  try {
    const answer = await fetch(request);
    if (answer.ok) await (await caches.open(CACHE)).put(request, answer.clone());
    return answer;
  } catch (_) {
    return (await caches.match(request)) || Response.error();
  }
}
