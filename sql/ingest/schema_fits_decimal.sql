regexp_full_match({{value}}, '-?(0|[1-9]\d*)(\.\d{0,{{scale}}}0*)?') AND TRY_CAST({{value}} AS {{type}}) IS NOT NULL
