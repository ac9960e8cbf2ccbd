-- These optimisers would let the plan of the empty stand-ins differ from the plan over rows.
SET disabled_optimizers = 'statistics_propagation,empty_result_pullup,join_filter_pushdown,compressed_materialization,common_subplan'
