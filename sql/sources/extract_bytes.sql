unhex(substr({{text}}, 3))
