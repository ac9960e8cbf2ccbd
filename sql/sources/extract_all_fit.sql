coalesce(bool_and({{text}} IS NULL OR {{fits}}), true)
