-- A number of another scale is the same number.
CASE WHEN contains({{text}}, '.') THEN rtrim(rtrim({{text}}, '0'), '.') ELSE {{text}} END
