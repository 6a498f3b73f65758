// Moments in the reader's zone, times that run on, the theme, and focus that stays when a part is drawn again.
"use strict";

(() => {
  const root = document.documentElement;
  const stored = () => localStorage.getItem("theme") || "";
  const applyTheme = () => {
    const chosen = stored();
    if (chosen) root.dataset.theme = chosen;
    else delete root.dataset.theme;
    window.Quasar?.Dark.set(chosen ? chosen === "dark" : "auto");
  };
  applyTheme();
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-theme-choice]")) return;
    localStorage.setItem("theme", event.target.value);
    applyTheme();
  });

  const write = (element, text) => {
    // The text node stays: Vue holds on to it.
    const node = element.firstChild;
    if (node && node.nodeType === Node.TEXT_NODE && node.nodeValue !== text) node.nodeValue = text;
  };
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", hourCycle: "h23", minute: "2-digit", second: "2-digit" });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", hourCycle: "h23", minute: "2-digit" });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long", hourCycle: "h23" });
  const exact = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", hourCycle: "h23", minute: "2-digit", second: "2-digit" });
  // What was shown is shown anew when the moment or the day is another one, or somebody has written over it.
  const key = (element, today) => `${element.getAttribute("datetime")} ${today} ${element.textContent}`;
  const showMoment = (element, today) => {
    if (element.dataset.shown === key(element, today)) return;
    const when = new Date(element.getAttribute("datetime"));
    if (isNaN(when)) return;
    const format = when.toDateString() === today ? clock : element.dataset.precise ? exact : day;
    write(element, format.format(when));
    element.title = full.format(when);
    element.dataset.shown = key(element, today);
  };
  const two = (whole, size, unit, part, lower) => {
    const rest = Math.floor((whole % size) / part);
    return `${Math.floor(whole / size)} ${unit}` + (rest ? ` ${rest} ${lower}` : "");
  };
  const spoken = (seconds) => {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return two(whole, 60, "min", 1, "s");
    if (whole < 86400) return two(whole, 3600, "h", 60, "min");
    return two(whole, 86400, "d", 3600, "h");
  };
  const showRunning = (element) => write(element, spoken((Date.now() - new Date(element.dataset.since)) / 1000));
  const showTimes = () => {
    const today = new Date().toDateString();
    document.querySelectorAll("time[datetime]").forEach((element) => showMoment(element, today));
    document.querySelectorAll("[data-since]").forEach(showRunning);
  };

  let held = null; // what had the focus, told so that its successor is found
  const told = (element) => [element.tagName, element.getAttribute("href"), element.dataset.key, element.getAttribute("aria-label"),
    element.tagName === "INPUT" ? element.name : element.textContent].join("|");
  document.addEventListener("focusin", (event) => { held = { element: event.target, told: told(event.target) }; });
  document.addEventListener("focusout", () => setTimeout(() => {
    if (held?.element.isConnected && document.activeElement === document.body) held = null; // a person left it
  }));
  const keepFocus = () => {
    if (!held || held.element.isConnected || document.activeElement !== document.body) return;
    const same = [...document.querySelectorAll(held.element.tagName)].find((element) => told(element) === held.told);
    same?.focus({ preventScroll: true });
  };

  const opened = new Set(); // details that a person has opened stay open
  document.addEventListener("toggle", (event) => {
    const key = event.target.dataset?.key;
    if (key) opened[event.target.open ? "add" : "delete"](key);
  }, true);
  const keepOpen = () => document.querySelectorAll("details[data-key]:not([data-kept])").forEach((element) => {
    element.dataset.kept = "";
    if (opened.has(element.dataset.key)) element.open = true;
  });

  document.addEventListener("click", (event) => { if (event.target.matches("[data-closes]")) event.target.closest("dialog").close(); });
  const openDialogs = () => document.querySelectorAll("dialog[data-modal]:not([data-shown])").forEach((element) => {
    element.dataset.shown = "";
    element.showModal();
  });

  const left = new WeakSet(); // boxes whose end a person has scrolled away from; the others stay at it
  const leave = (event) => {
    const box = event.target.closest?.("[data-follow]");
    if (box) requestAnimationFrame(() => {
      left[box.scrollHeight - box.scrollTop - box.clientHeight < 32 ? "delete" : "add"](box);
    });
  };
  for (const moved of ["wheel", "touchmove", "keyup", "pointerup"]) document.addEventListener(moved, leave, { capture: true, passive: true });
  const follow = () => document.querySelectorAll("[data-follow]").forEach((box) => {
    if (!left.has(box)) box.scrollTop = box.scrollHeight;
  });

  window.addEventListener("resize", follow);
  const settle = () => { showTimes(); keepOpen(); keepFocus(); openDialogs(); follow(); };
  document.addEventListener("DOMContentLoaded", () => {
    applyTheme();
    let due = false;
    new MutationObserver(() => {
      if (due) return;
      due = true;
      requestAnimationFrame(() => {
        due = false;
        document.querySelectorAll("[data-theme-choice]").forEach((choice) => { choice.value = stored(); });
        settle();
      });
    }).observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["datetime", "data-since"] });
    settle();
    setInterval(showTimes, 1000);
  });
})();
