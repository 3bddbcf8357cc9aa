SELECT
  run_id, indicator_names, indicator_values, unit_names, unit_values, assumptions,
  provenance_kind, provenance_by, provenance_references, provenance_at
FROM run_result WHERE run_id = %(run_id)s
