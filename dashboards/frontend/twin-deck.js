// Everything of deck.gl that the map may use; what is not named here is not in the bundle.
export {
  Deck,
  MapView,
  FlyToInterpolator,
  LayerExtension,
  COORDINATE_SYSTEM,
  WebMercatorViewport,
} from "@deck.gl/core";
export {
  BitmapLayer,
  ColumnLayer,
  GeoJsonLayer,
  IconLayer,
  LineLayer,
  PathLayer,
  PolygonLayer,
  ScatterplotLayer,
  SolidPolygonLayer,
  TextLayer,
} from "@deck.gl/layers";
export { DataFilterExtension, PathStyleExtension } from "@deck.gl/extensions";
export { JSONConverter } from "@deck.gl/json";
