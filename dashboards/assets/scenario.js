// The editor of scenarios: one event at a time with all fields, the draft kept in this browser,
// the question in the address, and where the focus goes. What is right or wrong is said by Python.
(function () {
  "use strict";

  const KEY = "stadtzwilling.scenario";
  const TYPING_MS = 300;
  const LOST_MS = 15000;
  const NOTHING = () => window.dash_clientside.no_update;
  let number = 0;
  let isBusy = false;
  let typing = null;
  let lost = null;
  let waiting = [];
  let isInside = false; // whether the focus was last in the editor

  const editor = () => document.getElementById("scenario");

  function fields() {
    const found = {};
    for (const element of editor().querySelectorAll("[name]")) {
      if (element.type === "checkbox") {
        found[element.name] = found[element.name] || [];
        if (element.checked) {
          found[element.name].push(element.value);
        }
      } else {
        found[element.name] = element.value;
      }
    }
    return found;
  }

  function marks() {
    const form = document.getElementById("scenario-form");
    const head = document.getElementById("scenario-head");
    return { form: form && form.dataset.form, head: head && head.dataset.epoch };
  }

  function next() {
    if (isBusy || waiting.length === 0 || !editor()) {
      return;
    }
    const event = waiting.shift();
    isBusy = true;
    lost = window.setTimeout(free, LOST_MS);
    number += 1;
    const data = { n: number, ...event, fields: fields(), ...marks() };
    window.dash_clientside.set_props("scenario-event", { data });
  }

  function free() {
    window.clearTimeout(lost);
    isBusy = false;
    next();
  }

  function send(name, arg) {
    window.clearTimeout(typing);
    if (name === "type" && waiting.some((event) => event.do === "type")) {
      return;
    }
    waiting.push({ do: name, arg: arg === undefined ? "" : arg });
    next();
  }

  function kept() {
    try {
      return window.localStorage.getItem(KEY) || "";
    } catch {
      return "";
    }
  }

  function keep(text) {
    try {
      window.localStorage.setItem(KEY, text);
    } catch {
      // Not allowed or full: the address still holds the question.
    }
  }

  function start() {
    waiting = [];
    isBusy = true;
    number += 1;
    lost = window.setTimeout(free, LOST_MS);
    return { n: number, do: "open", arg: kept(), fields: {} };
  }

  function focusOn(id) {
    const element = id && document.getElementById(id);
    if (!element) {
      return;
    }
    const folded = element.closest("details");
    if (folded) {
      folded.setAttribute("open", "");
    }
    element.focus();
  }

  // After the next drawing: only then the fields and buttons are those of the answer.
  function after(reply) {
    if (!reply || !editor()) {
      return NOTHING();
    }
    keep(reply.kept);
    const address = window.location.pathname + reply.address;
    window.history.replaceState(window.history.state, "", address);
    const held = document.activeElement ? document.activeElement.id : "";
    window.requestAnimationFrame(() =>
      window.requestAnimationFrame(() => {
        focusOn(reply.focus);
        if (isInside && document.activeElement === document.body) {
          focusOn(held);
        }
        if (isInside && document.activeElement === document.body) {
          editor().tabIndex = -1;
          editor().focus({ preventScroll: true });
        }
        editor().dataset.n = String(reply.n);
        free();
      }),
    );
    return NOTHING();
  }

  // A run has ended: times and numbers that answered runs tell are drawn anew.
  let wasRunning = false;
  function followed(isOver) {
    if (isOver && wasRunning && editor()) {
      send("look");
    }
    wasRunning = !isOver;
    return NOTHING();
  }

  function pickOnMap(click) {
    const isPlace = click && click.id !== null && click.id !== undefined;
    return isPlace ? { id: String(click.id), n: Date.now() } : NOTHING();
  }

  function picked(place) {
    if (place && place.id && editor()) {
      send("pick", place.id);
    }
    return NOTHING();
  }

  function showChosen(chosen) {
    if (chosen && document.getElementById("pick-map")) {
      const selection = [...chosen.assets, ...chosen.links];
      window.dash_clientside.set_props("pick-map", { selection });
    }
    return NOTHING();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("#scenario [data-do]");
    if (button) {
      send(button.dataset.do, button.dataset.arg);
    }
  });

  const isText = (element) =>
    element.tagName === "INPUT" && !["checkbox", "file", "datetime-local"].includes(element.type);

  document.addEventListener("input", (event) => {
    if (event.target.closest("#scenario [name]") && isText(event.target)) {
      window.clearTimeout(typing);
      typing = window.setTimeout(() => send("type"), TYPING_MS);
    }
  });

  document.addEventListener("change", (event) => {
    const element = event.target;
    if (element.id === "import-file") {
      const [file] = element.files;
      if (file) {
        file.text().then((text) => send("import", text));
      }
      element.value = "";
    } else if (element.closest("#scenario [name]") && !isText(element)) {
      send("type");
    } else if (element.matches("[data-compare]")) {
      compare();
    }
  });

  document.addEventListener("focusin", (event) => {
    isInside = Boolean(event.target.closest("#scenario"));
  });

  document.addEventListener("keydown", (event) => {
    const element = event.target;
    // What had the focus may just have been drawn anew: then it lies on the page itself.
    const isLost = element === document.body && editor();
    if (!isLost && (!element.closest || !element.closest("#scenario"))) {
      return;
    }
    const isField = element.matches("input, select");
    const isInForm = element.closest("#scenario-form");
    if (event.key === "Escape" && isInForm) {
      send("close");
    } else if (event.key === "Enter" && isInForm && isField && element.tagName === "INPUT") {
      event.preventDefault();
      send("apply");
    } else if ((event.ctrlKey || event.metaKey) && !isField && ["z", "y"].includes(event.key.toLowerCase())) {
      event.preventDefault();
      send(event.key.toLowerCase() === "z" && !event.shiftKey ? "undo" : "redo");
    }
  });

  // List of runs: the link that compares the chosen ones.
  function compare() {
    const chosen = [...document.querySelectorAll("[data-compare]:checked")];
    const link = document.getElementById("compare");
    const said = document.getElementById("compare-said");
    if (!link || !said) {
      return;
    }
    const most = Number(link.dataset.most);
    const runs = chosen.map((box) => box.value);
    const isPossible = runs.length >= 2 && runs.length <= most;
    const query = `run=${runs[0]}&cmp=${runs.slice(1).join(",")}`;
    if (isPossible) {
      link.setAttribute("href", `/result?lang=${document.documentElement.lang}&${query}`);
      link.removeAttribute("aria-disabled");
    } else {
      link.removeAttribute("href");
      link.setAttribute("aria-disabled", "true");
    }
    said.textContent = (runs.length > most ? said.dataset.many : said.dataset.count).replace(
      "{n}",
      String(runs.length),
    );
  }

  function searched(words) {
    const wanted = new URLSearchParams({ q: words || "", page: "" }).toString();
    const address = window.dash_clientside.stadtzwilling.changed(wanted);
    return address === window.location.search ? NOTHING() : address;
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.scenario = { start, after, pickOnMap, picked, showChosen, followed, searched };
})();
