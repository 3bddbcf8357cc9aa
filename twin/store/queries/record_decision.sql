SELECT twin_record_decision(
  %(decision_id)s, %(asset_id)s, %(part)s, %(as_of)s, %(at)s, %(content)s, %(notes)s
)
