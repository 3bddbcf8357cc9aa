// What moves on the map: live values, pointer, list of features, changes of properties.
(function () {
  "use strict";

  const { MapController } = window.twinMapView;
  const { Texts, describe } = window.twinTexts;
  const STATUS_MS = 5000;
  const LOW_POWER_MS = 400; // a whole second would add to the server's tick: over 1 s at p95
  const MAX_HZ = 2;
  const BADGES = ["lost", "reload", "refused"];

  function isSame(first, second) {
    return first === second || JSON.stringify(first) === JSON.stringify(second);
  }

  // What colours a layer; one without values may name the channel that its tooltip is about.
  function extensionOf({ extensions = [], about }) {
    const found = extensions.find((candidate) => candidate["@@type"] === "LiveValueExtension");
    return found ?? (about ? { channel: about } : undefined);
  }

  function liveAddress(path) {
    const url = new URL(path, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return url.href;
  }

  class TwinMapController extends MapController {
    // --- live values ---------------------------------------------------------------------

    openLive() {
      const { liveUrl = "/live/v1" } = this.props;
      if (liveUrl === "") {
        return;
      }
      this.live.close();
      Object.assign(this, { isAsking: false, isDrawing: false, incoming: null });
      this.live.open(liveAddress(liveUrl), { maxHz: MAX_HZ, tables: this.tables });
      this.askForValues();
    }

    // One request at a time: the worker answers with the newest values as soon as there are any.
    askForValues() {
      if (this.isAsking || this.props.paused || !this.deck?.isInitialized || !this.live.worker) {
        return;
      }
      this.isAsking = true;
      const since = performance.now() - (this.appliedAt || 0);
      const pause = this.isLowPower ? Math.max(0, LOW_POWER_MS - since) : 0;
      setTimeout(() => this.live.next(), pause);
    }

    onLive(message) {
      if (message.op === "values") {
        this.incoming = message.frames;
        this.applyWhenFree();
      } else if (message.op === "reload") {
        this.reloadTable(message.table);
      } else if (message.op === "problem") {
        this.reportChannel(message.channel, message.reason);
      } else if (message.op === "hello") {
        Object.keys(this.live.channels).forEach((name) => this.report(`channel:${name}`, ""));
        this.redraw();
      } else if (message.op === "state") {
        this.root.dataset.connection = message.state;
        this.showMessage(BADGES.includes(message.state) ? this.texts.text(message.state) : "");
        this.reportConnection();
      }
    }

    // While paused the last answer waits here and the worker keeps the newest values.
    applyWhenFree() {
      if (this.incoming && !this.props.paused) {
        requestAnimationFrame(() => this.applyValues());
      }
    }

    applyValues() {
      const started = performance.now();
      this.live.apply(this.incoming);
      this.incoming = null;
      this.redraw();
      this.appliedAt = performance.now();
      this.updateMs = this.appliedAt - started;
      this.showTooltip();
      this.isDrawing = true;
    }

    redraw() {
      this.deck?.layerManager?.setNeedsRedraw("live values");
    }

    onAfterRender() {
      this.frames += 1;
      if (this.isLoaded && this.state === "loading") {
        this.firstMapMs ??= performance.now() - this.startedAt;
        this.setState("ready");
        this.reportPerformance();
      }
      if (this.isDrawing) {
        this.isDrawing = false;
        const seqs = this.live.seqs;
        this.root.dataset.seq = String(Math.max(...Object.values(seqs)));
        this.root.dataset.seqs = JSON.stringify(seqs);
        this.afterGpu(() => {
          this.isAsking = false;
          this.askForValues();
        });
      }
    }

    // Calls back once the GPU has finished what it was given: on software graphics an unthrottled
    // redraw would let the latency grow without end.
    afterGpu(done) {
      const { gl } = this.deck.device;
      const sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
      gl.flush();
      const look = () => {
        const status = sync ? gl.clientWaitSync(sync, 0, 0) : gl.WAIT_FAILED;
        if (status === gl.TIMEOUT_EXPIRED) {
          requestAnimationFrame(look);
          return;
        }
        gl.deleteSync(sync);
        done();
      };
      requestAnimationFrame(look);
    }

    onContextRestored() {
      this.isAsking = false;
      this.isDrawing = false;
      super.onContextRestored();
    }

    everySecond() {
      this.showTooltip();
      const stale = this.staleChannels().join();
      if (stale !== this.stale) {
        this.stale = stale;
        this.redraw();
        this.reportConnection();
      }
      if (performance.now() - (this.reportedAt || 0) > STATUS_MS) {
        this.reportedAt = performance.now();
        this.reportConnection();
        this.reportPerformance();
      }
    }

    staleChannels() {
      return Object.keys(this.live.channels).filter((name) => this.live.isStale(name));
    }

    reportConnection() {
      const ages = Object.fromEntries(
        Object.keys(this.live.channels)
          .map((name) => [name, this.live.ageOf(name)])
          .filter(([, age]) => age !== null)
          .map(([name, age]) => [name, Math.round(age)]),
      );
      const now = this.live.serverNow();
      this.emit({
        connection: {
          state: this.live.state,
          ages,
          stale: this.staleChannels(),
          isAllStale: this.live.isAllStale,
          serverTime: now === null ? null : new Date(now).toISOString(),
          lowPower: this.isLowPower,
        },
      });
    }

    reportPerformance() {
      const { renderer, firstMapMs, updateMs, frames } = this;
      this.emit({ perf: { renderer, firstMapMs, updateMs, frames } });
    }

    // --- pointer -------------------------------------------------------------------------

    entryOf(layer) {
      return this.made.find((entry) => entry.layer.id === layer?.id);
    }

    // Name of the table that knows the features of a layer: its own, or, for a simplified level,
    // that of its channel.
    featureTableOf({ table, original }) {
      const columns = this.tables[table]?.columns;
      if (!columns || (columns.id && !columns.feature)) {
        return table;
      }
      return this.live.channels[extensionOf(original)?.channel]?.info.table ?? table;
    }

    onHover({ layer, index, x, y }) {
      const entry = index >= 0 ? this.entryOf(layer) : null;
      if (!entry || !entry.table) {
        this.hideTooltip();
        return;
      }
      const name = this.featureTableOf(entry);
      this.hovered = { name, row: index, extension: extensionOf(entry.original), x, y };
      this.showTooltip();
    }

    // Again with every update: an open tooltip must not go on showing an old value.
    showTooltip() {
      if (!this.hovered || !this.tables[this.hovered.name]) {
        return;
      }
      const { name, row, extension, x, y } = this.hovered;
      const feature = { table: this.tables[name], row, extension };
      this.tooltip.show(describe(this.texts, this.live, feature), x, y);
    }

    hideTooltip() {
      this.hovered = null;
      this.tooltip.hide();
    }

    // In low-power mode nothing is picked while the pointer moves, only here.
    onClick(info) {
      let picked = info;
      if (this.isLowPower) {
        this.deck.setProps({ _pickable: true });
        picked = this.deck.pickObject({ x: info.x, y: info.y, radius: 6 }) || info;
        this.deck.setProps({ _pickable: false });
        this.onHover({ ...picked, x: info.x, y: info.y });
      }
      const entry = picked.index >= 0 ? this.entryOf(picked.layer) : null;
      this.tellClick({
        layer: entry ? entry.layer.id : null,
        table: entry ? this.featureTableOf(entry) : null,
        row: entry ? picked.index : -1,
        coordinate: info.coordinate ?? null,
        source: "pointer",
      });
    }

    tellClick({ layer, table, row, coordinate, source }) {
      this.clicks += 1;
      const id = this.tables[table]?.columns.id?.at(row) ?? null;
      this.emit({
        clickData: { layer, table, index: row, id, coordinate, source, n: this.clicks },
      });
    }

    // --- list ----------------------------------------------------------------------------

    openList() {
      const viewport = this.viewport();
      const [west, south, east, north] = viewport.getBounds();
      const shown = new Map();
      for (const entry of this.made) {
        if (entry.original.pickable && entry.table && this.isVisible(entry)) {
          shown.set(this.featureTableOf(entry), entry.layer.id);
        }
      }
      const features = [];
      for (const [table, layer] of shown) {
        const geometry = this.factory.geometries[table];
        const { id, name } = geometry?.table.columns || {};
        for (let row = 0; id && row < id.length; row += 1) {
          const [lon, lat] = geometry.anchorOf(row);
          if (lon >= west && lon <= east && lat >= south && lat <= north) {
            const title = (name && name.at(row)) || id.at(row);
            features.push({ table, layer, row, id: id.at(row), title });
          }
        }
      }
      this.list.open(features, this.props.selection || []);
    }

    chooseFromList({ table, layer, row }) {
      const coordinate = this.factory.geometries[table].anchorOf(row);
      this.tellClick({ layer, table, row, coordinate, source: "list" });
    }

    // --- properties ----------------------------------------------------------------------

    update(props) {
      const old = this.props;
      this.props = props;
      if (this.renderer === null) {
        return;
      }
      this.root.dataset.paused = String(Boolean(props.paused));
      this.live.isPaused = Boolean(props.paused);
      const changed = (key) => !isSame(old[key], props[key]);
      if (changed("labels") || changed("lang")) {
        this.texts = new Texts(props.labels || {}, props.lang);
        this.list.texts = this.texts;
        this.setTexts();
      }
      if (changed("lowPower") || changed("reducedMotion")) {
        this.applyPower();
        this.setCompare(props.compare);
        this.layOut();
      }
      if (changed("compare")) {
        this.setCompare(props.compare);
      }
      if (changed("tables") || changed("channels") || changed("ramps")) {
        this.live.setRamps(props.ramps || {});
        this.load();
      } else if (changed("spec")) {
        this.layOut();
      } else if (changed("selection") && this.deck.isInitialized) {
        this.showLayers();
      }
      if (changed("flyTo") && props.flyTo) {
        this.flyTo(props.flyTo);
      }
      if (props.command?.n && props.command.n !== old.command?.n) {
        this.run(props.command);
      }
      if (old.paused && !props.paused) {
        this.applyWhenFree();
        this.askForValues();
      }
    }

    destroy() {
      clearInterval(this.statusTimer);
      clearTimeout(this.cameraTimer);
      this.live.close();
      this.live.forgetTextures();
      this.deck?.finalize();
      this.root.replaceChildren();
    }
  }

  window.twinMapView.TwinMapController = TwinMapController;
})();
