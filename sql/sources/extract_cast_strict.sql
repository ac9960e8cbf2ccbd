CASE WHEN {{text}} IS NULL OR {{fits}} THEN CAST({{text}} AS {{type}}) ELSE CAST(error('does not fit: ' || {{text}}) AS {{type}}) END
