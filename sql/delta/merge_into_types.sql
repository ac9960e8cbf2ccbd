-- What expressions over both sides of a merge are; none is run.
SELECT {{expressions}} FROM _delta_target AS {{target}} CROSS JOIN _merge_source AS {{source}} LIMIT 0
