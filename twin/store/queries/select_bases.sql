SELECT DISTINCT ON (name)
  id, name, version, content_hash, made_at, engine, engine_version, figure_names, figure_values,
  unit_names, unit_values, assumptions,
  provenance_kind, provenance_by, provenance_references, provenance_at
FROM traffic_base ORDER BY name, version DESC
