-- A backslash and a letter stand for what COPY cannot write, two backslashes for one.
CASE
  WHEN contains({{raw}}, '\') THEN array_to_string(
    list_transform(string_split({{raw}}, '\\'), lambda part:
      replace(replace(replace(replace(replace(replace(part, '\n', chr(10)), '\r', chr(13)), '\t', chr(9)), '\b', chr(8)), '\f', chr(12)), '\v', chr(11))),
    '\')
  ELSE {{raw}}
END
