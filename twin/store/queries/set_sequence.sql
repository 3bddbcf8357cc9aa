SELECT setval(format('public.%%I', %(name)s::text)::regclass, greatest(%(value)s, 1), %(value)s > 0)
