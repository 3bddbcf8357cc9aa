SELECT
  id, first_seen, last_seen, seen, source, topic, reason, detail, codec, size AS size_bytes, head,
  CASE WHEN state = 1 AND seen > settled THEN 0 ELSE state END AS state,
  ds AS datastream_number, t AS time, v AS value, v_stored AS stored_value,
  payload, payload_sha256, settled
FROM quarantine WHERE id = %(id)s
