// What surrounds the drawing: canvas element, help, message, tooltip, list, state and problems.
(function () {
  "use strict";

  const { Texts, Tooltip } = window.twinTexts;

  function element(tag, className, attributes) {
    const made = document.createElement(tag);
    made.className = className;
    Object.entries(attributes || {}).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  }

  class MapPage {
    constructor(root, props, emit) {
      Object.assign(this, { root, props, emit });
      this.problems = new Map();
      this.texts = new Texts(props.labels || {}, props.lang);
      this.buildPage();
      this.setState("loading");
    }

    buildPage() {
      const helpId = `${this.root.id || "twin-map"}-help`;
      this.help = element("p", "twin-map-hidden", { id: helpId });
      this.message = element("p", "twin-map-message", { role: "status" });
      this.message.hidden = true;
      this.root.append(this.help, this.message);
      this.tooltip = new Tooltip(this.root);
      this.list = new window.twinList.FeatureList(this.root, {
        texts: this.texts,
        onChoose: (feature) => this.chooseFromList(feature),
        onLeave: () => this.canvas.focus(),
      });
    }

    createCanvas() {
      this.canvas?.remove();
      this.canvas = element("canvas", "twin-map-canvas", {
        role: "application",
        "aria-describedby": this.help.id,
        tabindex: "0",
      });
      this.root.prepend(this.canvas);
      this.canvas.addEventListener("keydown", (event) => this.onKey(event));
      this.canvas.addEventListener("pointerleave", () => this.hideTooltip());
      this.canvas.addEventListener("webglcontextlost", (event) => this.onContextLost(event));
      this.canvas.addEventListener("webglcontextrestored", () => this.onContextRestored());
      this.setTexts();
    }

    setTexts() {
      this.help.textContent = this.texts.text("help");
      this.canvas.setAttribute("aria-label", this.texts.text("map"));
    }

    setState(state) {
      this.state = state;
      this.root.dataset.state = state;
    }

    showMessage(text) {
      this.message.textContent = text;
      this.message.hidden = text === "";
    }

    // A problem is known by a key, so that it goes away when the thing works again.
    report(key, text) {
      if (this.problems.get(key) === text) {
        return;
      }
      if (text) {
        this.problems.set(key, text);
      } else {
        this.problems.delete(key);
      }
      this.emit({ error: [...this.problems.values()] });
    }

    // The event library hides the focus ring and takes a tab stop of its own.
    keepFocusVisible() {
      this.canvas.style.outline = "";
      this.canvas.tabIndex = 0;
    }
  }

  window.twinMapPage = { MapPage };
})();
