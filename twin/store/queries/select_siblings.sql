-- Open entries of the other values of the same message that were refused for the same reason.
SELECT s.id
FROM quarantine AS q
JOIN quarantine AS s
  ON s.source = q.source AND s.reason = q.reason AND s.first_seen = q.first_seen
  AND s.topic = q.topic AND s.id <> q.id
WHERE q.id = %(id)s AND s.size = 0 AND s.ds IS NOT NULL
  AND (s.state IN (0, 3) OR (s.state = 1 AND s.seen > s.settled))
ORDER BY s.id DESC
