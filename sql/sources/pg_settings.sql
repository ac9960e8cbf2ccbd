SELECT count(set_config(setting.name, setting.value, true)) AS settings
FROM unnest($1::text[], $2::text[]) AS setting(name, value)
