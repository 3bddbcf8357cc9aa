// What the pages do in the browser: changes of the address, focus, badges. No data comes from here.
(function () {
  "use strict";

  const ORDER = ["lang", "map", "sel", "layers", "kpi", "tab", "sort", "page", "low", "run", "cmp", "role",
    "show", "value", "links", "order", "rows", "scenario", "bridge", "from", "q", "status"];
  const FLY_ZOOM = 15;
  let opener = null;
  let wantsFocus = false;

  // The present address with a change; keys in their fixed order, an empty value removes its key.
  function changed(change) {
    const now = new URLSearchParams(window.location.search);
    const wanted = new URLSearchParams(change);
    for (const key of new Set(wanted.keys())) {
      now.delete(key);
      wanted.getAll(key).filter((value) => value !== "").forEach((value) => now.append(key, value));
    }
    const ordered = new URLSearchParams();
    for (const key of ORDER) {
      now.getAll(key).forEach((value) => ordered.append(key, value));
    }
    const query = ordered.toString().replaceAll("+", "%20").replaceAll("%2C", ",");
    return query ? `?${query}` : "";
  }

  function setProps(id, props) {
    window.dash_clientside.set_props(id, props);
  }

  function go(change) {
    setProps("url", { search: changed(change) });
  }

  function fly(text, map) {
    const [longitude, latitude] = text.split(",").map(Number);
    setProps(map, { flyTo: { longitude, latitude, zoom: FLY_ZOOM } });
  }

  let commands = 0;

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-set], [data-command], [data-lang]");
    if (!target || target.disabled) {
      return;
    }
    const { set, fly: place, command, lang, map = "map" } = target.dataset;
    if (lang !== undefined) {
      event.preventDefault();
      window.location.assign(window.location.pathname + changed(`lang=${lang}`));
    } else if (command !== undefined) {
      commands += 1;
      setProps(map, { command: { name: command, n: commands } });
    } else {
      if (new URLSearchParams(set).get("sel") && !target.closest("#drawer")) {
        opener = target;
        wantsFocus = true;
      }
      go(set);
      if (place) {
        fly(place, map);
      }
    }
  });

  document.addEventListener("keydown", (event) => {
    const isInDrawer = event.target.closest && event.target.closest("#drawer");
    if (event.key === "Escape" && isInDrawer && !event.target.closest(".series-chart")) {
      go("sel=");
    }
  });

  const KINDS = {
    bridges: "bridge",
    bridge_points: "bridge",
    run_bridges: "bridge",
    sensors: "sensor",
  };

  function kindOf(table) {
    return KINDS[table] || (table && table.startsWith("roads") ? "road" : null);
  }

  function chooseOnMap(click) {
    const kind = click && click.id !== null ? kindOf(click.table) : null;
    if (!kind) {
      return window.dash_clientside.no_update;
    }
    opener = document.querySelector("#map canvas");
    wantsFocus = click.source === "list";
    return changed(new URLSearchParams({ sel: `${kind}:${click.id}` }).toString());
  }

  // On the page of a result a second click on the same feature lets it go.
  function chooseInResult(click) {
    const kind = click && click.id !== null ? kindOf(click.table) : null;
    if (!kind) {
      return window.dash_clientside.no_update;
    }
    const chosen = `${kind}:${click.id}`;
    const had = new URLSearchParams(window.location.search).getAll("sel").includes(chosen);
    return changed(new URLSearchParams({ sel: had ? "" : chosen }).toString());
  }

  function moveFocus() {
    const title = document.getElementById("drawer-title");
    if (title && wantsFocus) {
      title.focus();
    } else if (!title && opener) {
      const place = opener.isConnected ? opener : document.getElementById("main");
      place.focus();
      opener = null;
    }
    wantsFocus = false;
  }

  // The focus goes into the opened drawer, and back to what opened it; after the next drawing,
  // because only then the drawer has changed.
  function afterDrawer() {
    window.requestAnimationFrame(() => window.requestAnimationFrame(moveFocus));
    return window.dash_clientside.no_update;
  }

  function fill(template, values) {
    return template.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
  }

  // A lost connection comes before a pause: values that are kept back must not seem to be there.
  function stateOf({ state, ages, isAllStale }, isPaused) {
    if (!["live", "connecting"].includes(state)) {
      return "lost";
    }
    if (isPaused) {
      return "paused";
    }
    if (isAllStale) {
      return "stale";
    }
    return Object.keys(ages || {}).length === 0 ? "connecting" : state;
  }

  function showConnection(connection, isPaused) {
    const badge = document.getElementById("live-status");
    if (!badge || !connection) {
      return window.dash_clientside.no_update;
    }
    const ages = Object.values(connection.ages || {});
    const state = stateOf(connection, isPaused);
    const age = ages.length ? Math.min(...ages) : 0;
    badge.hidden = false;
    badge.dataset.state = state;
    // Stale: connected, but nothing current arrives.
    badge.textContent = fill(badge.dataset[state === "stale" ? "connecting" : state], { age });
    document.body.dataset.live = String(!(state === "lost" || connection.isAllStale));
    return window.dash_clientside.no_update;
  }

  function pause(_clicks, wasPaused) {
    const isPaused = !wasPaused;
    const button = document.getElementById("pause");
    const label = isPaused ? button.dataset.resume : button.dataset.pause;
    return [isPaused, isPaused, String(isPaused), label];
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.stadtzwilling = { chooseOnMap, chooseInResult, afterDrawer, showConnection, pause, changed };
})();
