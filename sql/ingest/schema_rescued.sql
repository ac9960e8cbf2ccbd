-- A patch leaves out what is null: only the misfits of the row stay.
CASE WHEN {{misfit}} THEN CAST(json_merge_patch('{}', to_json(struct_pack({{texts}}))) AS VARCHAR) END
