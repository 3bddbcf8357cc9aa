INSERT INTO release_event (at, kind, caller, detail)
VALUES (%(at)s, %(kind)s, %(caller)s, %(detail)s)
