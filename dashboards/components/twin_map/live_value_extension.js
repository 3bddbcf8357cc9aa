// deck.gl layer extension: the colour of a feature comes from one byte in a texture.
//
// Per channel two R8 textures (previous and current), 1024 wide, one byte per feature in the row
// order of the table. An update writes the texture and redraws; no attribute is rebuilt.
(function () {
  "use strict";

  const { LayerExtension } = window.twinDeck;
  const WIDTH = 1024;

  // std140 traps the careless: one uniform per line, in the order of uniformTypes below.
  const UNIFORMS = `\
layout(std140) uniform liveValueUniforms {
  vec4 noData;
  float isReady;
  float isClass;
  float isStale;
  float hasQuality;
  float isShaded;
  float isFillOnly;
  float blend;
} liveValue;
`;

  const VERTEX = `\
${UNIFORMS}
uniform highp sampler2D liveCurrent;
uniform highp sampler2D livePrevious;
uniform highp sampler2D liveQuality;
uniform highp sampler2D liveRamp;

float liveValue_byte(highp sampler2D source, int index) {
  if (index / ${WIDTH} >= textureSize(source, 0).y) {
    return 255.0;
  }
  return texelFetch(source, ivec2(index % ${WIDTH}, index / ${WIDTH}), 0).r * 255.0;
}

bool liveValue_isAbsent(int quality) {
  return quality == 2 || quality == 3 || quality == 6;
}

// xyz colour, w hatch: 1 no data, 0.5 suspect or out of range, 0 none
vec4 liveValue_color(vec3 pickingColor) {
  int index = int(pickingColor.r + 256.0 * pickingColor.g + 65536.0 * pickingColor.b + 0.5) - 1;
  vec4 absent = vec4(liveValue.noData.rgb, 1.0);
  if (liveValue.isReady < 0.5 || liveValue.isStale > 0.5 || index < 0) {
    return absent;
  }
  float current = liveValue_byte(liveCurrent, index);
  if (current > 254.5) {
    return absent;
  }
  float hatch = 0.0;
  if (liveValue.hasQuality > 0.5) {
    int quality = int(liveValue_byte(liveQuality, index) + 0.5);
    if (liveValue_isAbsent(quality)) {
      return absent;
    }
    hatch = quality == 1 || quality == 7 ? 0.5 : 0.0;
  }
  float previous = liveValue_byte(livePrevious, index);
  if (liveValue.isClass < 0.5 && previous < 254.5) {
    current = mix(previous, current, liveValue.blend);
  }
  return vec4(texelFetch(liveRamp, ivec2(int(current + 0.5), 0), 0).rgb, hatch);
}
`;

  const FRAGMENT = UNIFORMS;

  const liveValue = {
    name: "liveValue",
    vs: VERTEX,
    fs: FRAGMENT,
    inject: {
      "vs:#decl": "flat out float liveValue_hatch;\nint liveValue_calls = 0;\n",
      "vs:DECKGL_FILTER_COLOR": {
        order: 10,
        injection: `
  // A layer with fill and line asks twice, first for the fill; its line keeps its own colour.
  liveValue_calls += 1;
  if (liveValue.isFillOnly < 0.5 || liveValue_calls == 1) {
    vec4 liveValue_found = liveValue_color(geometry.pickingColor);
    color.rgb = liveValue.isShaded > 0.5 ? liveValue_found.rgb * color.rgb : liveValue_found.rgb;
    liveValue_hatch = liveValue_found.a;
  }
`,
      },
      "fs:#decl": "flat in float liveValue_hatch;\n",
      "fs:DECKGL_FILTER_COLOR": {
        order: 10,
        injection: `
  if (liveValue_hatch > 0.25) {
    float liveValue_stripe = mod(gl_FragCoord.x + gl_FragCoord.y, 8.0);
    if (liveValue_hatch > 0.75) {
      color.rgb = liveValue_stripe < 3.0 ? mix(color.rgb, vec3(1.0), 0.35) : color.rgb;
    } else {
      color.rgb = liveValue_stripe < 2.0 ? color.rgb * 0.35 : color.rgb;
    }
  }
`,
      },
    },
    uniformTypes: {
      noData: "vec4<f32>",
      isReady: "f32",
      isClass: "f32",
      isStale: "f32",
      hasQuality: "f32",
      isShaded: "f32",
      isFillOnly: "f32",
      blend: "f32",
    },
  };

  function byteTexture(device, width, height, format) {
    return device.createTexture({
      format,
      width,
      height,
      mipLevels: 1,
      sampler: {
        minFilter: "nearest",
        magFilter: "nearest",
        addressModeU: "clamp-to-edge",
        addressModeV: "clamp-to-edge",
      },
    });
  }

  // The two textures of one channel on one device.
  class ValueTextures {
    constructor(device, features) {
      this.height = Math.max(1, Math.ceil(features / WIDTH));
      this.padded = new Uint8Array(WIDTH * this.height).fill(255);
      this.pair = [0, 1].map(() => byteTexture(device, WIDTH, this.height, "r8unorm"));
      this.pair.forEach((texture) => texture.writeData(this.padded));
    }

    get current() {
      return this.pair[0];
    }

    get previous() {
      return this.pair[1];
    }

    write(values) {
      this.padded.set(values);
      this.pair.reverse();
      this.current.writeData(this.padded);
    }

    destroy() {
      this.pair.forEach((texture) => texture.destroy());
    }
  }

  function rampTexture(device, colours) {
    const texture = byteTexture(device, 256, 1, "rgba8unorm");
    texture.writeData(colours);
    return texture;
  }

  // One class per map: `source` gives the channels, ramps and the look of that map.
  function makeLiveValueExtension(source) {
    return class LiveValueExtension extends LayerExtension {
      static extensionName = "LiveValueExtension";
      static defaultProps = {};

      getShaders() {
        return { modules: [liveValue] };
      }

      // Without this a layer that is not pickable has the picking colour 0 in every vertex.
      getNeedsPickingBuffer() {
        return true;
      }

      draw(_parameters, extension) {
        const { channel, quality, ramp, kind } = extension.opts;
        const { device } = this.context;
        const values = source.texturesOf(channel, device);
        const companion = quality ? source.texturesOf(quality, device) : null;
        const blend = kind === "class" ? 1 : source.blendOf(channel);
        const filler = source.emptyTexture(device);
        this.setShaderModuleProps({
          liveValue: {
            noData: source.noData,
            isReady: values ? 1 : 0,
            isClass: kind === "class" ? 1 : 0,
            isStale: source.isStale(channel) ? 1 : 0,
            hasQuality: companion ? 1 : 0,
            isShaded: this.props.extruded ? 1 : 0,
            isFillOnly: this.props.filled && this.props.stroked ? 1 : 0,
            blend,
            liveCurrent: values ? values.current : filler,
            livePrevious: values ? values.previous : filler,
            liveQuality: companion ? companion.current : filler,
            liveRamp: source.rampTexture(ramp || "magnitude", device),
          },
        });
        if (blend < 1) {
          this.setNeedsRedraw();
        }
      }
    };
  }

  window.twinLive = { makeLiveValueExtension, ValueTextures, rampTexture, byteTexture };
})();
