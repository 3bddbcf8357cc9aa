-- One statement outside a transaction block: the server ends it with a COMMIT of its own.
SELECT twin_record(
  %(incarnation)s, %(sequence)s, %(registry)s, %(t)s, %(v)s, %(ds)s, %(q)s, %(newest)s,
  %(dirty_ds)s, %(dirty_grain)s, %(source)s, %(counts)s
)
