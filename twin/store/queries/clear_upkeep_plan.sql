DELETE FROM upkeep_plan
