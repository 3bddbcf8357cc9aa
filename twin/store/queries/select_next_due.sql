-- Newest bucket of a level that is due, and the oldest one not further back than "span".
WITH newest AS MATERIALIZED (
  SELECT b FROM pending WHERE level = %(level)s AND due <= %(at)s ORDER BY b DESC LIMIT 1
)

SELECT min(p.b) AS first, max(p.b) AS last
FROM newest CROSS JOIN LATERAL (
  SELECT b FROM pending
  WHERE
    level = %(level)s AND due <= %(at)s
    AND b > newest.b - %(span)s::interval AND b <= newest.b
) AS p
