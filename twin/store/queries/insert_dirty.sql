INSERT INTO dirty (rev, ds, grain)
VALUES (currval('change_rev'), %(ds)s::integer [], %(grain)s::integer [])
