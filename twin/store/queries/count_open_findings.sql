SELECT asset_id, coalesce(severity, 'critical') AS severity, cause, count(*) AS count
FROM bridge_finding WHERE stage <> 'closed'
GROUP BY asset_id, coalesce(severity, 'critical'), cause
ORDER BY asset_id COLLATE "C", severity, cause
