// The map itself: one deck.gl canvas with camera, keyboard and loading. No React here.
// Live values, pointer and list are added by map_live.js.
(function () {
  "use strict";

  const { Deck, FlyToInterpolator } = window.twinDeck;
  const SOFTWARE = /SwiftShader|llvmpipe|Microsoft Basic/i;
  const PAN_PIXELS = 80;
  const ZOOM_STEP = 0.5;
  const REPORT_MS = 250;
  const RETRY_MS = 3000;
  const CAMERA_KEYS = ["longitude", "latitude", "zoom", "pitch", "bearing"];

  function rendererName() {
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) {
      return null;
    }
    const info = gl.getExtension("WEBGL_debug_renderer_info");
    const name = gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return String(name);
  }

  function limitsOf({ minZoom = 1, maxZoom = 22, minPitch = 0, maxPitch = 60 }) {
    return { minZoom, maxZoom, minPitch, maxPitch };
  }

  function cameraOf(view) {
    return Object.fromEntries(CAMERA_KEYS.map((key) => [key, view[key] || 0]));
  }

  class MapController extends window.twinMapPage.MapPage {
    constructor(root, props, { emit, workerUrl }) {
      super(root, props, emit);
      this.startedAt = performance.now();
      this.tables = {};
      this.failedLayers = new Set();
      this.made = [];
      this.frames = 0;
      this.clicks = 0;
      this.pending = null;
      const start = { zoom: 11, ...(props.spec?.initialViewState || {}) };
      this.limits = limitsOf(start);
      this.camera = { ...cameraOf(start), ...this.limits };
      this.renderer = rendererName();
      this.live = new window.twinLive.LiveChannels({
        noData: props.colours.noData,
        ramps: props.ramps || {},
        workerUrl,
        on: (message) => this.onLive(message),
      });
      this.live.isPaused = Boolean(props.paused);
      this.factory = new window.twinLayers.LayerFactory(this.live);
      if (this.renderer === null) {
        this.report("webgl", this.texts.text("no_webgl"));
        this.showMessage(this.texts.text("no_webgl"));
        this.setState("error");
        return;
      }
      this.compared = new window.twinCompare.Comparison(root, {
        canvas: () => this.canvas,
        texts: () => this.texts,
        onDivide: () => this.onDivide(),
      });
      this.compared.set(props.compare);
      this.applyPower();
      this.createDeck();
      this.load();
      this.statusTimer = setInterval(() => this.everySecond(), 1000);
    }

    // --- deck ----------------------------------------------------------------------------

    applyPower() {
      const { lowPower = "auto", reducedMotion } = this.props;
      this.isLowPower = lowPower === "on" || (lowPower === "auto" && SOFTWARE.test(this.renderer));
      this.isStill =
        reducedMotion ?? window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.live.isBlending = !this.isLowPower && !this.isStill;
      this.root.dataset.lowPower = String(this.isLowPower);
      Object.assign(this.camera, this.flat);
    }

    // Both pictures of a comparison, and all on machines without a GPU, lie flat.
    get flat() {
      return this.isLowPower || this.compared.isActive ? { pitch: 0, bearing: 0 } : {};
    }

    get isJumping() {
      return this.isStill || this.isLowPower || this.compared.isActive;
    }

    powerProps() {
      const canTurn = !this.isLowPower && !this.compared.isActive;
      const controller = {
        keyboard: false,
        dragRotate: canTurn,
        touchRotate: canTurn,
        inertia: this.isJumping ? 0 : 300,
      };
      return {
        useDevicePixels: this.isLowPower ? 1 : true,
        _pickable: !this.isLowPower,
        controller,
        views: this.compared.views(controller),
      };
    }

    // A layer with a side belongs to one pane; without a comparison all are shown.
    isOnSide({ layer, viewport }) {
      const side = this.sides?.get(layer.id);
      return !side || !this.compared.isActive || side === viewport.id;
    }

    onDivide() {
      const { views } = this.powerProps();
      this.deck.setProps({ views, viewState: this.compared.viewState(this.camera) });
    }

    setCompare(compare) {
      this.compared.set(compare);
      this.applyPower();
      this.deck.setProps({
        ...this.powerProps(),
        viewState: this.compared.viewState(this.camera),
      });
    }

    createDeck() {
      this.createCanvas();
      this.deck = new Deck({
        canvas: this.canvas,
        width: "100%",
        height: "100%",
        viewState: this.compared.viewState(this.camera),
        layerFilter: (drawn) => this.isOnSide(drawn),
        pickingRadius: 5,
        layers: [],
        ...this.powerProps(),
        getCursor: ({ isDragging, isHovering }) =>
          isDragging ? "grabbing" : isHovering ? "pointer" : "grab",
        onViewStateChange: ({ viewState, viewId }) =>
          this.moveTo(this.compared.cameraOf(viewState, viewId)),
        onResize: () => this.compared.isActive && this.onDivide(),
        onClick: (info) => this.onClick(info),
        onHover: (info) => this.onHover(info),
        onAfterRender: () => this.onAfterRender(),
        onError: (error, layer) => this.onLayerError(error, layer),
        onLoad: () => {
          this.keepFocusVisible();
          this.layOut();
          this.askForValues();
        },
      });
    }

    onLayerError(error, layer) {
      const id = layer?.id || "map";
      if (!this.deck?.isInitialized) {
        this.setState("error");
      }
      if (layer && !this.failedLayers.has(id)) {
        this.failedLayers.add(id);
        setTimeout(() => this.layOut(), 0);
      }
      this.report(
        `layer:${id}`,
        this.texts.text("layer_failed", { layer: id, reason: error.message }),
      );
    }

    onContextLost(event) {
      event.preventDefault();
      this.showMessage(this.texts.text("context_lost"));
      this.setState("error");
    }

    // A restored context is empty. Tables and values are still here: draw with a new canvas.
    onContextRestored() {
      this.deck.finalize();
      this.live.forgetTextures();
      this.failedLayers.clear();
      this.setState("loading");
      this.showMessage("");
      this.createDeck();
    }

    // --- tables and layers ---------------------------------------------------------------

    async load() {
      const { tables = {} } = this.props;
      const wanted = Object.entries(tables).filter(
        ([name, { version }]) => this.tables[name]?.version !== version,
      );
      await Promise.all(wanted.map(([name, source]) => this.loadTable(name, source)));
      this.live.declare(this.props.channels || {}, this.tables);
      await this.loadStaticChannels();
      this.isLoaded = true;
      this.layOut();
      this.openLive();
    }

    async fetchTable(source) {
      const response = await fetch(source.url);
      if (response.status === 404) {
        return this.fetchCurrent(source);
      }
      if (!response.ok) {
        throw new Error(`status ${response.status}`);
      }
      const table = window.twinTable.decodeTable(await response.arrayBuffer(), source.url);
      return Object.assign(table, { version: source.version, url: source.url });
    }

    // The address of a table without version and file name tells the current version.
    async fetchCurrent({ url }) {
      const response = await fetch(url.replace(/\/[^/]+\.bin$/, ""));
      if (!response.ok) {
        throw new Error(`status ${response.status}`);
      }
      const current = await response.json();
      if (current.url === url) {
        throw new Error("the server offers a version that it does not have");
      }
      return this.fetchTable(current);
    }

    async loadTable(name, source) {
      try {
        this.acceptTable(name, await this.fetchTable(source));
      } catch (error) {
        this.report(
          `table:${name}`,
          this.texts.text("table_failed", { table: name, reason: error.message }),
        );
      }
    }

    acceptTable(name, table) {
      this.tables[name] = table;
      this.factory.setTable(name, table);
      this.report(`table:${name}`, "");
      // Simplified levels show the same features once more.
      const own = Object.values(this.tables).filter(({ columns }) => !columns.feature);
      this.root.dataset.features = String(own.reduce((sum, { n }) => sum + n, 0));
    }

    async reloadTable(name) {
      const known = this.tables[name];
      if (!known || known.isReloading) {
        return;
      }
      known.isReloading = true;
      try {
        const response = await fetch(known.url.replace(/\/[^/]+\.bin$/, ""));
        const current = await response.json();
        if (current.version === known.version) {
          throw new Error("the new version is not there yet");
        }
        const table = await this.fetchTable(current);
        this.live.forgetTable(name);
        this.acceptTable(name, table);
        this.live.declare(this.props.channels || {}, this.tables);
        this.layOut();
        this.live.tableLoaded(name, table);
      } catch (error) {
        this.report(
          `table:${name}`,
          this.texts.text("table_failed", { table: name, reason: error.message }),
        );
        setTimeout(() => {
          known.isReloading = false;
          this.live.tableLoaded(name, known);
        }, RETRY_MS);
      }
    }

    async loadStaticChannels() {
      const fixed = Object.entries(this.props.channels || {}).filter(
        ([, { url }]) => url && url !== "live",
      );
      for (const [name, { url }] of fixed) {
        try {
          const table = await this.fetchTable({ url });
          this.live.set(name, table.columns.value);
          this.report(`channel:${name}`, "");
        } catch (error) {
          this.reportChannel(name, error.message);
        }
      }
    }

    reportChannel(channel, reason) {
      this.report(`channel:${channel}`, this.texts.text("channel_failed", { channel, reason }));
    }

    layOut() {
      if (!this.deck?.isInitialized) {
        return;
      }
      const { made, problems } = this.factory.make(this.props.spec || {}, this);
      this.made = made.filter(({ layer }) => !this.failedLayers.has(layer.id));
      this.sides = new Map(this.made.map(({ layer, side }) => [layer.id, side]));
      const kept = new Set(problems.map(({ layer }) => layer));
      (this.props.spec?.layers || []).forEach(({ id }) => {
        if (!kept.has(String(id)) && !this.failedLayers.has(id)) {
          this.report(`layer:${id}`, "");
        }
      });
      problems.forEach(({ layer, reason }) =>
        this.report(`layer:${layer}`, this.texts.text("layer_failed", { layer, reason })),
      );
      this.showLayers();
    }

    isVisible({ original, minZoom, maxZoom }) {
      const { zoom } = this.camera;
      return original.visible !== false && zoom >= minZoom && zoom < maxZoom;
    }

    showLayers() {
      this.shown = this.made.map((entry) => this.isVisible(entry)).join();
      const { selection = [], colours } = this.props;
      const colour = this.factory.colour(colours.selection);
      const marks = this.factory.selection(selection, colour, this.made);
      const below = new Map(marks.map(({ table, under }) => [table, under]));
      const layers = this.made.flatMap((entry) => {
        const under = below.get(entry.table) || [];
        below.delete(entry.table);
        return [...under, entry.layer.clone({ visible: this.isVisible(entry) })];
      });
      this.deck.setProps({ layers: [...layers, ...marks.flatMap(({ over }) => over)] });
    }

    // --- camera --------------------------------------------------------------------------

    moveTo(view) {
      const seen = this.compared.isActive ? cameraOf(view) : view;
      this.camera = { ...seen, ...this.limits, ...this.flat };
      this.deck.setProps({ viewState: this.compared.viewState(this.camera) });
      const shown = this.made.map((entry) => this.isVisible(entry)).join();
      if (shown !== this.shown) {
        this.showLayers();
      }
      clearTimeout(this.cameraTimer);
      this.cameraTimer = setTimeout(() => this.reportCamera(), REPORT_MS);
    }

    reportCamera() {
      const camera = cameraOf(this.camera);
      if (this.props.writeUrl !== false) {
        const { latitude, longitude, zoom, pitch, bearing } = camera;
        const map = [latitude.toFixed(5), longitude.toFixed(5), zoom.toFixed(2)]
          .concat([pitch.toFixed(0), bearing.toFixed(0)])
          .join(",");
        const { pathname, search, hash } = window.location;
        const others = search.slice(1).split("&");
        const kept = others.filter((part) => part && !part.startsWith("map="));
        const query = [...kept, `map=${map}`].join("&");
        window.history.replaceState(window.history.state, "", `${pathname}?${query}${hash}`);
      }
      this.emit({ viewState: camera });
    }

    flyTo(target) {
      const view = cameraOf({ ...this.camera, ...target });
      if (!this.isJumping) {
        view.transitionDuration = 800;
        view.transitionInterpolator = new FlyToInterpolator();
      }
      this.moveTo(view);
    }

    // The whole picture, which a comparison draws in two panes.
    viewport() {
      return this.compared.isActive
        ? this.compared.viewport(this.camera)
        : this.deck.getViewports()[0];
    }

    pan(dx, dy) {
      const viewport = this.viewport();
      const centre = [viewport.width / 2 + dx, viewport.height / 2 + dy];
      const [longitude, latitude] = viewport.unproject(centre);
      this.moveTo({ ...cameraOf(this.camera), longitude, latitude });
    }

    zoomBy(step) {
      const camera = cameraOf(this.camera);
      const { minZoom, maxZoom } = this.limits;
      this.moveTo({ ...camera, zoom: Math.min(maxZoom, Math.max(minZoom, camera.zoom + step)) });
    }

    onKey(event) {
      const actions = {
        ArrowLeft: () => this.pan(-PAN_PIXELS, 0),
        ArrowRight: () => this.pan(PAN_PIXELS, 0),
        ArrowUp: () => this.pan(0, -PAN_PIXELS),
        ArrowDown: () => this.pan(0, PAN_PIXELS),
        "+": () => this.zoomBy(ZOOM_STEP),
        "=": () => this.zoomBy(ZOOM_STEP),
        "-": () => this.zoomBy(-ZOOM_STEP),
        Enter: () => this.openList(),
        Escape: () => this.hideTooltip(),
      };
      const isFree = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (isFree && Object.hasOwn(actions, event.key) && this.deck?.isInitialized) {
        event.preventDefault();
        actions[event.key]();
      }
    }

    run({ name }) {
      const commands = {
        zoom_in: () => this.zoomBy(ZOOM_STEP),
        zoom_out: () => this.zoomBy(-ZOOM_STEP),
        reset_view: () => this.flyTo(cameraOf(this.props.spec?.initialViewState || this.camera)),
        focus_map: () => this.canvas.focus(),
        focus_list: () => this.openList(),
      };
      if (Object.hasOwn(commands, name) && this.deck?.isInitialized) {
        commands[name]();
      }
    }
  }

  window.twinMapView = { MapController };
})();
