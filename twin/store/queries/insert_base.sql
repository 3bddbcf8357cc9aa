INSERT INTO traffic_base (
  name, version, content_hash, made_at, engine, engine_version, figure_names, figure_values,
  unit_names, unit_values, assumptions,
  provenance_kind, provenance_by, provenance_references, provenance_at
)
SELECT
  %(name)s, coalesce(max(version), 0) + 1, %(content_hash)s, %(made_at)s, %(engine)s,
  %(engine_version)s, %(figure_names)s, %(figure_values)s, %(unit_names)s, %(unit_values)s,
  %(assumptions)s, %(provenance_kind)s, %(provenance_by)s, %(provenance_references)s,
  %(provenance_at)s
FROM traffic_base WHERE name = %(name)s
RETURNING id, name, version, content_hash, made_at, engine, engine_version, figure_names, figure_values,
  unit_names, unit_values, assumptions,
  provenance_kind, provenance_by, provenance_references, provenance_at
