-- \x and hex digits; COPY doubles the backslash.
substr({{raw}}, 2)
