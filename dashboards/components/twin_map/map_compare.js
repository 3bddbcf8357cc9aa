// Two views of one camera: side by side (split), or one picture with a divider (swipe).
//
// Without pitch the picture of a pane is that of the whole map cut at its edges, if its centre lies
// where the middle of the pane lies in the whole. So a swipe draws every pixel once.
(function () {
  "use strict";

  const { MapView, WebMercatorViewport } = window.twinDeck;
  const STEP = 2;
  const LARGE_STEP = 10;
  const NARROWEST = 1; // pixels of a pane at either end: deck.gl refuses a view of no width
  const SIDES = ["left", "right"];

  function viewportOf({ longitude, latitude, zoom, bearing = 0 }, width, height) {
    return new WebMercatorViewport({ longitude, latitude, zoom, bearing, pitch: 0, width, height });
  }

  function clamped(divider) {
    return Math.min(100, Math.max(0, divider));
  }

  // Panes as {id, x, width} in pixels; one over everything without a comparison.
  function panesOf(kind, divider, width) {
    if (kind === "split") {
      const half = width / 2;
      return SIDES.map((id, i) => ({ id, x: i * half, width: half }));
    }
    if (kind === "swipe") {
      const at = Math.min(width - NARROWEST, Math.max(NARROWEST, (width * divider) / 100));
      return [
        { id: "left", x: 0, width: at },
        { id: "right", x: at, width: width - at },
      ];
    }
    return [{ id: "map", x: 0, width }];
  }

  // Camera of a pane that shows its part of the whole picture.
  function paneCamera(kind, pane, camera, { width, height }) {
    if (kind !== "swipe") {
      return camera;
    }
    const middle = [pane.x + pane.width / 2, height / 2];
    const [longitude, latitude] = viewportOf(camera, width, height).unproject(middle);
    return { ...camera, longitude, latitude };
  }

  // Camera of the whole picture when the reader moved one pane of it.
  function wholeCamera(kind, pane, camera, { width, height }) {
    if (kind !== "swipe") {
      return camera;
    }
    const middle = [width / 2 - pane.x, height / 2];
    const [longitude, latitude] = viewportOf(camera, pane.width, height).unproject(middle);
    return { ...camera, longitude, latitude };
  }

  class Comparison {
    constructor(root, { canvas, texts, onDivide }) {
      Object.assign(this, { root, canvas, texts, onDivide });
      this.kind = "";
      this.divider = 50;
      this.titles = SIDES.map((side) => {
        const title = document.createElement("span");
        title.className = `twin-map-side twin-map-side-${side}`;
        title.hidden = true;
        return title;
      });
      this.handle = document.createElement("div");
      this.handle.className = "twin-map-divider";
      this.handle.hidden = true;
      root.append(...this.titles, this.handle);
      this.handle.addEventListener("keydown", (event) => this.onKey(event));
      this.handle.addEventListener("pointerdown", (event) => this.onPointer(event));
    }

    // `compare`: {kind, left, right, divider?} or nothing. A divider that is moved stays.
    set(compare) {
      const { kind = "", left = "", right = "", divider } = compare || {};
      this.kind = kind;
      this.names = { left, right };
      this.divider = clamped(Number.isFinite(divider) ? divider : this.divider);
      this.root.dataset.compare = kind;
      this.titles.forEach((title, i) => {
        title.textContent = [left, right][i];
        title.hidden = kind === "";
      });
      this.showDivider();
    }

    get isActive() {
      return this.kind !== "";
    }

    get size() {
      const { clientWidth, clientHeight } = this.canvas();
      return { width: Math.max(2, clientWidth), height: Math.max(1, clientHeight) };
    }

    get panes() {
      return panesOf(this.kind, this.divider, this.size.width);
    }

    views(controller) {
      return this.panes.map(
        ({ id, x, width }) =>
          new MapView({ id, x, width, height: "100%", repeat: false, controller: { ...controller } }),
      );
    }

    viewState(camera) {
      if (!this.isActive) {
        return camera;
      }
      const { size } = this;
      return Object.fromEntries(
        this.panes.map((pane) => [pane.id, paneCamera(this.kind, pane, camera, size)]),
      );
    }

    cameraOf(view, id) {
      const pane = this.panes.find((candidate) => candidate.id === id);
      return pane ? wholeCamera(this.kind, pane, view, this.size) : view;
    }

    // What the camera sees in all, once: for moving by keys and for the list.
    viewport(camera) {
      const { width, height } = this.size;
      return viewportOf(camera, this.kind === "split" ? width / 2 : width, height);
    }

    showDivider() {
      const { handle, divider } = this;
      const isShown = this.kind === "swipe";
      handle.hidden = !isShown && this.kind !== "split";
      this.root.dataset.divider = isShown ? String(divider) : "";
      handle.classList.toggle("twin-map-divider-fixed", !isShown);
      handle.style.left = isShown ? `${divider}%` : "50%";
      const attributes = {
        role: "slider",
        tabindex: "0",
        "aria-label": this.texts().text("divider"),
        "aria-orientation": "horizontal",
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "aria-valuenow": String(Math.round(divider)),
        "aria-valuetext": this.texts().text("divider_value", this.spoken),
      };
      for (const [name, value] of Object.entries(attributes)) {
        if (isShown) {
          handle.setAttribute(name, value);
        } else {
          handle.removeAttribute(name);
        }
      }
    }

    get spoken() {
      const share = Math.round(this.divider);
      const { left, right } = this.names;
      return { left_name: left, right_name: right, left: share, right: 100 - share };
    }

    divide(divider) {
      this.divider = clamped(divider);
      this.showDivider();
      this.onDivide(this.divider);
    }

    onKey(event) {
      const target = {
        ArrowLeft: this.divider - STEP,
        ArrowDown: this.divider - STEP,
        ArrowRight: this.divider + STEP,
        ArrowUp: this.divider + STEP,
        PageDown: this.divider - LARGE_STEP,
        PageUp: this.divider + LARGE_STEP,
        Home: 0,
        End: 100,
      }[event.key];
      if (target !== undefined && this.kind === "swipe" && !event.ctrlKey && !event.altKey) {
        event.preventDefault();
        event.stopPropagation();
        this.divide(target);
      }
    }

    onPointer(event) {
      if (this.kind !== "swipe") {
        return;
      }
      event.preventDefault();
      this.handle.focus();
      this.handle.setPointerCapture(event.pointerId);
      const move = ({ clientX }) => {
        const { left, width } = this.canvas().getBoundingClientRect();
        this.divide((100 * (clientX - left)) / width);
      };
      const stop = () => this.handle.removeEventListener("pointermove", move);
      this.handle.addEventListener("pointermove", move);
      this.handle.addEventListener("lostpointercapture", stop, { once: true });
    }
  }

  window.twinCompare = { Comparison, panesOf, paneCamera, wholeCamera };
})();
