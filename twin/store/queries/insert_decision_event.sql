INSERT INTO decision_event (decision_id, version, state, at, person, reason, content)
VALUES (
  %(decision_id)s, %(version)s, %(state)s, %(at)s, %(person)s, %(reason)s, %(content)s
)
