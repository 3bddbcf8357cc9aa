SELECT
  id, first_seen, last_seen, seen, source, topic, reason, detail, codec, size AS size_bytes, head,
  state, ds AS datastream_number, t AS time, v AS value, v_stored AS stored_value
FROM quarantine
WHERE %(source)s::text IS NULL OR source = %(source)s
ORDER BY last_seen DESC, id DESC LIMIT %(limit)s
