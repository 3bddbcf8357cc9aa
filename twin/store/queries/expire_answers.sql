SELECT twin_expire_answers(%(before)s)
