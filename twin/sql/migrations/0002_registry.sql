-- What the city owns and measures.
CREATE TABLE reference (
  id text PRIMARY KEY,
  title text NOT NULL,
  licence text NOT NULL
);

CREATE TABLE asset (
  id text PRIMARY KEY,
  asset_class text NOT NULL,
  name text NOT NULL,
  geometry bytea NOT NULL,                    -- WKB
  epsg integer NOT NULL,
  extent box,                                 -- NULL if the geometry is empty
  provenance_kind text NOT NULL,
  provenance_by text NOT NULL,
  provenance_references text [] NOT NULL,
  provenance_at timestamptz
);
CREATE INDEX asset_extent ON asset USING gist (extent);
CREATE INDEX asset_by_class ON asset (asset_class);

CREATE TABLE asset_attribute (
  asset_id text NOT NULL REFERENCES asset ON DELETE CASCADE,
  name text NOT NULL,
  position smallint NOT NULL,                 -- order of display
  value_text text,
  value_number double precision,
  unit text NOT NULL,                         -- UCUM
  provenance_kind text NOT NULL,
  provenance_by text NOT NULL,
  provenance_references text [] NOT NULL,
  provenance_at timestamptz,
  PRIMARY KEY (asset_id, name),
  CHECK (num_nonnulls(value_text, value_number) = 1)
);

CREATE TABLE component (
  id text PRIMARY KEY,
  asset_id text NOT NULL REFERENCES asset,
  parent_id text REFERENCES component DEFERRABLE INITIALLY DEFERRED,
  name text NOT NULL,
  kind text NOT NULL,
  station_m double precision,
  offset_m double precision,
  height_m double precision,
  geometry bytea,                             -- WKB
  epsg integer
);
CREATE INDEX component_by_asset ON component (asset_id);
CREATE INDEX component_by_parent ON component (parent_id);

CREATE TABLE sensor (
  id text PRIMARY KEY,
  name text NOT NULL,
  model text NOT NULL,
  provenance text NOT NULL
);

CREATE TABLE datastream (
  number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uid text NOT NULL UNIQUE,
  name text NOT NULL,
  asset_id text NOT NULL REFERENCES asset,
  component_id text REFERENCES component,
  quantity text NOT NULL,
  sensor_id text NOT NULL REFERENCES sensor,
  source text NOT NULL,
  route_key text NOT NULL,
  provenance text NOT NULL,
  vehicle_class text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('reading', 'waveform')),
  cadence_s double precision,                 -- NULL = event driven
  time_source text NOT NULL CHECK (time_source IN ('device', 'server')),
  privacy_class text NOT NULL,
  CONSTRAINT datastream_route UNIQUE (source, route_key) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX datastream_by_asset ON datastream (asset_id);
CREATE INDEX datastream_by_component ON datastream (component_id);
CREATE INDEX datastream_by_sensor ON datastream (sensor_id);
