SELECT setval(
  ('public.' || quote_ident(%(name)s))::regclass, greatest(%(value)s, 1), %(value)s > 0
)
