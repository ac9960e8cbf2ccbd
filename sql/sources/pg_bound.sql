-- Nothing in it changes within a statement: an index on the column is of use.
(current_setting('lakeledger.lower')::{{type}} - current_setting('lakeledger.overlap')::{{step}})::{{type}}
