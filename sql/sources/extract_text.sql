-- A backslash and a letter stand for what COPY cannot write, two backslashes for one. Those are put aside as two characters that a text hardly has; one
-- that has the first is worked out in another way, which is slower. To look is much faster than to replace.
CASE
  WHEN NOT contains({{raw}}, '\') THEN {{raw}}
  WHEN contains({{raw}}, chr(1)) THEN array_to_string(
    list_transform(string_split({{raw}}, '\\'), lambda part:
      replace(replace(replace(replace(replace(replace(part, '\n', chr(10)), '\r', chr(13)), '\t', chr(9)), '\b', chr(8)), '\f', chr(12)), '\v', chr(11))),
    '\')
  ELSE list_reduce(
    ['\\' || chr(1) || chr(2), '\n' || chr(10), '\r' || chr(13), '\t' || chr(9), '\b' || chr(8), '\f' || chr(12), '\v' || chr(11), chr(1) || chr(2) || '\'],
    lambda part, step:
      CASE WHEN contains(part, substr(step, 1, 2)) THEN replace(part, substr(step, 1, 2), substr(step, 3)) ELSE part END,
    {{raw}})
END
