-- Payloads above the bound in bytes, the oldest first; counters and heads stay.
WITH old AS (
  SELECT id FROM (
    SELECT id, sum(length(payload)) OVER (ORDER BY last_seen DESC, id DESC) AS bytes
    FROM quarantine WHERE payload IS NOT NULL
  ) AS sized
  WHERE bytes > %(most)s
),

gone AS (
  UPDATE quarantine AS q SET payload = NULL FROM old WHERE q.id = old.id
  RETURNING q.ds, q.last_seen
)

SELECT coalesce(d.privacy_class, ''), count(*), min(g.last_seen), max(g.last_seen)
FROM gone AS g LEFT JOIN datastream AS d ON d.number = g.ds GROUP BY 1
