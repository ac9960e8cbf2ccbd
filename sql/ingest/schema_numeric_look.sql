regexp_full_match({{value}}, '\s*[+-]?\d[\d.,''/: TZeE+-]*%?\s*')
