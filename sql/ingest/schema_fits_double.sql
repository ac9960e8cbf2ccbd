-- A bare exponent (12e5) may as well be a code. CASE, because AND would work out both sides for every row.
CASE WHEN regexp_full_match({{value}}, '-?(0|[1-9]\d*)(\.\d+([eE][+-]?\d+)?|[eE][+-]\d+)?') THEN {{exact}} ELSE false END
