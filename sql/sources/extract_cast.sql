CAST({{text}} AS {{type}})
