list_transform({{value}}, lambda {{item}}: {{element}})
