INSERT INTO run_result (
  run_id, indicator_names, indicator_values, unit_names, unit_values, assumptions,
  provenance_kind, provenance_by, provenance_references, provenance_at
) VALUES (
  %(run_id)s, %(indicator_names)s::text [], %(indicator_values)s::double precision [],
  %(unit_names)s::text [], %(unit_values)s::text [], %(assumptions)s::text [],
  %(provenance_kind)s, %(provenance_by)s, %(provenance_references)s::text [], %(provenance_at)s
)
