SELECT min({time}), max({time}) FROM {table}
