INSERT INTO run_comment (run_id, at, author, content)
VALUES (%(run_id)s, %(at)s, %(author)s, %(content)s)
RETURNING id
