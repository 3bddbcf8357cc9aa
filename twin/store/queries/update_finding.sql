UPDATE bridge_finding SET
  stage = %(stage)s, stated_at = %(stated_at)s, severity = %(severity)s, cause = %(cause)s,
  content = %(content)s
WHERE id = %(id)s
