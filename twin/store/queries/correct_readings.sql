SELECT twin_correct(
  %(ds)s::integer [], %(t)s::timestamptz [], %(v)s::double precision [], %(q)s::smallint []
)
