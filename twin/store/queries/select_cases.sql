SELECT
  id, first_seen, last_seen, seen, source, topic, reason, detail, codec, size AS size_bytes, head,
  CASE WHEN state = 1 AND seen > settled THEN 0 ELSE state END AS state,
  ds AS datastream_number, t AS time, v AS value, v_stored AS stored_value
FROM quarantine
WHERE (%(source)s = '' OR source = %(source)s)
  AND (%(reason)s = '' OR reason = %(reason)s)
  AND (%(since)s::timestamptz IS NULL OR last_seen >= %(since)s)
  AND (
    %(text)s = ''
    OR position(%(text)s IN detail) > 0
    OR position(convert_to(%(text)s, 'UTF8') IN topic) > 0
  )
  AND (
    (%(number)s::integer IS NULL AND %(stream)s = '')
    OR ds = %(number)s
    OR (%(stream)s <> '' AND position(%(stream)s IN detail) > 0)
    OR (%(stream)s <> '' AND position(convert_to(%(stream)s, 'UTF8') IN topic) > 0)
  )
  AND CASE WHEN state = 1 AND seen > settled THEN 0 ELSE state END = ANY (%(states)s::smallint [])
  AND (%(below)s::bigint IS NULL OR id < %(below)s)
ORDER BY
  CASE WHEN %(below)s::bigint IS NULL THEN last_seen END DESC, id DESC
LIMIT %(limit)s
