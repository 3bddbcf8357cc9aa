// Binary tables (TWT1) in the browser; the format is described in dashboards/live/table.py.
(function () {
  "use strict";

  const TYPES = {
    u8: Uint8Array,
    u16: Uint16Array,
    u32: Uint32Array,
    i32: Int32Array,
    f32: Float32Array,
    f64: Float64Array,
  };
  const START = ".start";

  function fail(name, reason) {
    throw new Error(`${name}: ${reason}`);
  }

  function isCount(value) {
    return Number.isSafeInteger(value) && value >= 0;
  }

  function readHeader(buffer, source) {
    const bytes = new Uint8Array(buffer);
    if (bytes.length < 8 || String.fromCharCode(...bytes.subarray(0, 4)) !== "TWT1") {
      fail(source, "not a TWT1 table");
    }
    const base = 8 + new DataView(buffer).getUint32(4, true);
    if (base > bytes.length || base % 8) {
      fail(source, "the header does not fit the table");
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, base));
    return { header: JSON.parse(text), base };
  }

  function readColumn(buffer, base, column, name) {
    const Type = TYPES[column.dtype];
    if (!Type || !isCount(column.size) || !isCount(column.offset) || !isCount(column.length)) {
      fail(name, `column ${column.name} has a bad dtype, size, offset or length`);
    }
    if (column.offset % 8 || base + column.offset + column.length > buffer.byteLength) {
      fail(name, `column ${column.name} lies outside the table`);
    }
    if (column.size === 0 || column.length % (Type.BYTES_PER_ELEMENT * column.size)) {
      fail(name, `column ${column.name} ends within a row`);
    }
    return new Type(buffer, base + column.offset, column.length / Type.BYTES_PER_ELEMENT);
  }

  // Texts are decoded one by one when asked for: a map of 100,000 features shows few names.
  class Texts {
    constructor(bytes, start) {
      this.bytes = bytes;
      this.start = start;
      this.length = start.length - 1;
      this.decoder = new TextDecoder();
    }

    at(row) {
      return row >= 0 && row < this.length
        ? this.decoder.decode(this.bytes.subarray(this.start[row], this.start[row + 1]))
        : "";
    }
  }

  function decodeTable(buffer, source) {
    const { header, base } = readHeader(buffer, source);
    const name = String(header.name);
    if (!isCount(header.n) || !Array.isArray(header.columns)) {
      fail(source, "the header needs n and columns");
    }
    const arrays = {};
    for (const column of header.columns) {
      arrays[column.name] = readColumn(buffer, base, column, name);
    }
    const columns = {};
    for (const [key, array] of Object.entries(arrays)) {
      if (key.endsWith(START) && key.slice(0, -START.length) in arrays) {
        continue;
      }
      const start = arrays[key + START];
      columns[key] = start ? new Texts(array, start) : array;
    }
    return { name, n: header.n, origin: header.origin, meta: header.meta || {}, columns };
  }

  // Longitude and latitude in full precision: f64 origin plus f32 offsets.
  function absolutePositions(table) {
    const { xy } = table.columns;
    const [lon, lat] = table.origin || [0, 0];
    const positions = new Float64Array(xy.length);
    for (let i = 0; i < xy.length; i += 2) {
      positions[i] = lon + xy[i];
      positions[i + 1] = lat + xy[i + 1];
    }
    return positions;
  }

  window.twinTable = { decodeTable, absolutePositions };
})();
