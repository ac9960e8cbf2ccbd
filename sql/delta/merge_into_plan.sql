SELECT * FROM _delta_target AS {{target}} JOIN _merge_source AS {{source}} ON {{condition}}
