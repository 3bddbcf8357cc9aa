UPDATE pending SET due = %(until)s
WHERE level = %(level)s AND due <= %(at)s AND b BETWEEN %(first)s AND %(last)s
