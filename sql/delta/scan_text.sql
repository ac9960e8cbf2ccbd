decode({{value}})
