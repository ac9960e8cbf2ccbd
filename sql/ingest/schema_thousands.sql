regexp_full_match({{value}}, '-?[1-9]\d{0,2}(\.\d{3})+')
