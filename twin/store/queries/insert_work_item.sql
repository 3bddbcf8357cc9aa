INSERT INTO bridge_work_item (
  source, code, detail, asset_id, part, field, row_number, found_at
) VALUES (
  %(source)s, %(code)s, %(detail)s, %(asset_id)s, %(part)s, %(field)s, %(row_number)s, %(found_at)s
)
