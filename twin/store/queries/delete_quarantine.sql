-- Quarantined entries seen last before a time; of all classes, or of datastreams of some classes.
WITH gone AS (
  DELETE FROM quarantine AS q
  WHERE q.last_seen < %(before)s AND (
    %(classes)s::text [] IS NULL
    OR q.ds IN (SELECT d.number FROM datastream AS d WHERE d.privacy_class = ANY (%(classes)s))
  )
  RETURNING q.ds, q.last_seen
)

SELECT coalesce(d.privacy_class, ''), count(*), min(g.last_seen), max(g.last_seen)
FROM gone AS g LEFT JOIN datastream AS d ON d.number = g.ds GROUP BY 1
