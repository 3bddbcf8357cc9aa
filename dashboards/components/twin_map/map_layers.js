// From the specification (pydeck JSON) and the tables to deck.gl layers.
(function () {
  "use strict";

  const deckgl = window.twinDeck;
  const { absolutePositions } = window.twinTable;

  const LAYERS = [
    "PathLayer",
    "LineLayer",
    "ScatterplotLayer",
    "ColumnLayer",
    "SolidPolygonLayer",
    "PolygonLayer",
    "IconLayer",
    "TextLayer",
    "GeoJsonLayer",
    "BitmapLayer",
  ];
  const DARK = [43, 43, 43];
  const EDGE = 3; // pixels of the selection around an area
  const EXTENSIONS = ["DataFilterExtension", "PathStyleExtension"];
  const ADDRESS_PROPERTIES = ["data", "image", "iconAtlas", "texture"];
  const PATH_TO_LINE = ["getPath", "_pathType", "jointRounded", "capRounded", "miterLimit", "billboard"];

  function isOwnAddress(text) {
    return /^\/(?!\/)/.test(text) || text.startsWith("data:") || text.startsWith("blob:");
  }

  // Refuses what is not in the catalogue before anything of it is made.
  function checkSpec(value, classes, functions) {
    if (Array.isArray(value)) {
      value.forEach((item) => checkSpec(item, classes, functions));
    } else if (value && typeof value === "object") {
      if ("@@type" in value && !Object.hasOwn(classes, value["@@type"])) {
        throw new Error(`class ${value["@@type"]} is not available`);
      }
      if ("@@function" in value && !Object.hasOwn(functions, value["@@function"])) {
        throw new Error(`function ${value["@@function"]} is not available`);
      }
      for (const [key, item] of Object.entries(value)) {
        if (ADDRESS_PROPERTIES.includes(key) && typeof item === "string" && !isOwnAddress(item)) {
          throw new Error(`${key} must be an address on this server`);
        }
        checkSpec(item, classes, functions);
      }
    }
  }

  function pickingColours(features) {
    const colours = new Uint8Array(4 * features.length);
    features.forEach((feature, i) => {
      const code = feature + 1;
      colours[4 * i] = code & 255;
      colours[4 * i + 1] = (code >> 8) & 255;
      colours[4 * i + 2] = (code >> 16) & 255;
    });
    return colours;
  }

  function rowOfVertex({ start }, vertices) {
    const rows = new Uint32Array(vertices);
    for (let row = 0; row + 1 < start.length; row += 1) {
      rows.fill(row, start[row], start[row + 1]);
    }
    return rows;
  }

  // What a loaded table means to each kind of layer, made once per table and kind.
  class TableGeometry {
    constructor(table) {
      this.table = table;
      this.positions = table.columns.xy ? absolutePositions(table) : new Float64Array(0);
      this.cache = {};
    }

    dataFor(layerType) {
      if (!this.cache[layerType]) {
        const make = {
          PathLayer: () => this.paths(),
          LineLayer: () => this.lines(),
          SolidPolygonLayer: () => this.polygons(),
          PolygonLayer: () => this.polygons(),
        }[layerType];
        this.cache[layerType] = make ? make() : this.points();
      }
      return this.cache[layerType];
    }

    get rows() {
      const { start, xy } = this.table.columns;
      return start ? start.length - 1 : xy.length / 2;
    }

    // Column `feature`: the rows of this table are parts of the features of a channel.
    featuresOf(rows) {
      const { feature } = this.table.columns;
      return feature ? rows.map((row) => feature[row]) : rows;
    }

    withPicking(attributes, name, perItemRows) {
      if (this.table.columns.feature) {
        const value = pickingColours(this.featuresOf(perItemRows));
        attributes[name] = { value, size: 4 };
      }
      return attributes;
    }

    paths() {
      const { start } = this.table.columns;
      const attributes = { getPath: { value: this.positions, size: 2 } };
      const rows = rowOfVertex(this.table.columns, this.positions.length / 2);
      this.withPicking(attributes, "instancePickingColors", rows);
      return { length: this.rows, startIndices: start, attributes };
    }

    polygons() {
      const { start, height, tri } = this.table.columns;
      const attributes = { getPolygon: { value: this.positions, size: 2 } };
      const rows = rowOfVertex(this.table.columns, this.positions.length / 2);
      this.withPicking(attributes, "pickingColors", rows);
      if (height) {
        attributes.getElevation = { value: Float32Array.from(rows, (row) => height[row]), size: 1 };
      }
      if (tri) {
        attributes.indices = { value: tri, size: 1 };
      }
      return { length: this.rows, startIndices: start, attributes };
    }

    points() {
      const { radius } = this.table.columns;
      const attributes = { getPosition: { value: this.positions, size: 2 } };
      if (radius) {
        attributes.getRadius = { value: Float32Array.from(radius), size: 1 };
      }
      const rows = Uint32Array.from({ length: this.rows }, (_, row) => row);
      this.withPicking(attributes, "instancePickingColors", rows);
      return { length: this.rows, attributes };
    }

    // Every piece of a path as a line of its own: about seven times cheaper without a GPU.
    lines() {
      const { start } = this.table.columns;
      const vertices = this.positions.length / 2;
      const count = Math.max(0, vertices - this.rows);
      const source = new Float64Array(2 * count);
      const target = new Float64Array(2 * count);
      const rows = new Uint32Array(count);
      let line = 0;
      for (let row = 0; row < this.rows; row += 1) {
        for (let v = start[row]; v + 1 < start[row + 1] && line < count; v += 1, line += 1) {
          source.set(this.positions.subarray(2 * v, 2 * v + 2), 2 * line);
          target.set(this.positions.subarray(2 * v + 2, 2 * v + 4), 2 * line);
          rows[line] = row;
        }
      }
      return {
        length: line,
        attributes: {
          getSourcePosition: { value: source.subarray(0, 2 * line), size: 2 },
          getTargetPosition: { value: target.subarray(0, 2 * line), size: 2 },
          instancePickingColors: {
            value: pickingColours(this.featuresOf(rows.subarray(0, line))),
            size: 4,
          },
        },
      };
    }

    // Vertices of one feature as [[lon, lat], ...].
    verticesOf(row) {
      const { start } = this.table.columns;
      const [first, last] = start ? [start[row], start[row + 1]] : [row, row + 1];
      const vertices = [];
      for (let v = first; v < last; v += 1) {
        vertices.push([this.positions[2 * v], this.positions[2 * v + 1]]);
      }
      return vertices;
    }

    anchorOf(row) {
      const { start } = this.table.columns;
      const vertex = start ? (start[row] + start[row + 1]) >> 1 : row;
      return [this.positions[2 * vertex], this.positions[2 * vertex + 1]];
    }
  }

  function tableNameOf(layer) {
    const { data } = layer;
    return data && data["@@function"] === "table" ? data.name : null;
  }

  // A cheaper variant of a layer for machines that draw in software.
  function forLowPower(layer) {
    const cheap = { ...layer, extruded: false };
    if (layer["@@type"] === "PathLayer" && tableNameOf(layer)) {
      cheap["@@type"] = "LineLayer";
      PATH_TO_LINE.forEach((key) => delete cheap[key]);
    }
    return cheap;
  }

  function withTableDefaults(layer) {
    if (!tableNameOf(layer)) {
      return layer;
    }
    const type = layer["@@type"];
    const filled = { positionFormat: "XY", ...layer };
    filled.data = { ...layer.data, layerType: type };
    if (type === "PathLayer") {
      filled._pathType = "open";
    } else if (type === "SolidPolygonLayer" || type === "PolygonLayer") {
      filled._normalize = false;
    }
    return filled;
  }

  function widestOf(layers) {
    const widths = layers.map(({ props }) => props.getWidth).filter(Number.isFinite);
    return Math.max(6, ...widths.map((width) => Math.min(width, 40)));
  }

  function halo(id, data, getColor, getWidth) {
    return new deckgl.PathLayer({
      id,
      data,
      getPath: (path) => path,
      getColor,
      getWidth,
      widthUnits: "pixels",
      capRounded: true,
      jointRounded: true,
      parameters: { depthCompare: "always" },
    });
  }

  // The inner half of both lines lies below the area, so that its fill keeps its colour.
  function outline(id, data, colour) {
    const casing = halo(`${id}-casing`, data, DARK, 2 * EDGE + 2);
    return [casing, halo(id, data, colour, 2 * EDGE)];
  }

  function ring(id, data, colour) {
    return new deckgl.ScatterplotLayer({
      id,
      data,
      getPosition: (point) => point,
      filled: false,
      stroked: true,
      getLineColor: colour,
      getRadius: 11,
      radiusUnits: "pixels",
      getLineWidth: 4,
      lineWidthUnits: "pixels",
      parameters: { depthCompare: "always" },
    });
  }

  class LayerFactory {
    constructor(live) {
      this.live = live;
      this.geometries = {};
      const Live = window.twinLive.makeLiveValueExtension(live);
      const classes = { LiveValueExtension: Live, MapView: deckgl.MapView };
      [...LAYERS, ...EXTENSIONS].forEach((name) => {
        classes[name] = deckgl[name];
      });
      this.classes = classes;
      this.functions = {
        table: ({ name, layerType }) => this.geometries[name].dataFor(layerType),
        ramp: ({ name }) => (live.ramps[name]?.stops || []).map((stop) => this.colour(stop)),
      };
    }

    colour(stop) {
      const number = Number.parseInt(stop.slice(1), 16);
      return [number >> 16, (number >> 8) & 255, number & 255];
    }

    setTable(name, table) {
      this.geometries[name] = new TableGeometry(table);
    }

    // Layers of a specification and the reasons why others are left out.
    make(spec, { isLowPower }) {
      const made = [];
      const problems = [];
      for (const original of spec.layers || []) {
        const id = String(original.id);
        try {
          checkSpec(original, this.classes, this.functions);
          const table = tableNameOf(original);
          if (table && !this.geometries[table]) {
            continue;
          }
          const layer = withTableDefaults(isLowPower ? forLowPower(original) : original);
          const { minZoom = -1, maxZoom = 99, side = "", about, ...properties } = layer;
          made.push({ layer: this.convert(properties), original, table, side, minZoom, maxZoom });
        } catch (error) {
          problems.push({ layer: id, reason: error.message });
        }
      }
      return { made, problems };
    }

    convert(json) {
      const converter = new deckgl.JSONConverter({
        configuration: {
          classes: this.classes,
          functions: this.functions,
          enumerations: { COORDINATE_SYSTEM: deckgl.COORDINATE_SYSTEM },
          log: null,
        },
      });
      return converter.convert({ layer: json }).layer;
    }

    // Marks of the selected features: {table, under, over}. Lines get a halo and areas an outline
    // below their layers, so that the colour of the value stays visible; points a ring above all.
    selection(ids, colour, made) {
      return Object.entries(this.geometries)
        .map(([table, geometry]) => {
          const vertices = this.rowsOf(geometry, ids).map((row) => geometry.verticesOf(row));
          const types = made.filter((entry) => entry.table === table).map((entry) => entry.layer);
          const isLine = types.some(({ constructor }) => /Path|Line/.test(constructor.layerName));
          const lines = vertices.filter((path) => path.length > 1);
          const points = vertices.filter((path) => path.length === 1).map(([point]) => point);
          return { table, isLine, lines, points, width: widestOf(types) };
        })
        .filter(({ lines, points }) => lines.length + points.length > 0)
        .map(({ table, isLine, lines, points, width }) => ({
          table,
          under: isLine
            ? [halo(`${table}-selection`, lines, colour, width + 10)]
            : outline(`${table}-selection`, lines, colour),
          over: [ring(`${table}-selection-points`, points, colour)],
        }));
    }

    rowsOf(geometry, ids) {
      const { id } = geometry.table.columns;
      if (!id || ids.length === 0) {
        return [];
      }
      if (!geometry.rowOfId) {
        geometry.rowOfId = new Map();
        for (let row = 0; row < id.length; row += 1) {
          geometry.rowOfId.set(id.at(row), row);
        }
      }
      return ids.filter((wanted) => geometry.rowOfId.has(wanted)).map((wanted) => geometry.rowOfId.get(wanted));
    }
  }

  window.twinLayers = { LayerFactory };
})();
