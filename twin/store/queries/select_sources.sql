SELECT d.number, d.source FROM datastream AS d
