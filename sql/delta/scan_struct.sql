CASE WHEN {{value}} IS NULL THEN NULL ELSE struct_pack({{fields}}) END
