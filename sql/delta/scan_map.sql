map_from_entries(list_transform(map_entries({{value}}), lambda {{item}}: struct_pack("key" := {{key}}, "value" := {{mapped}})))
