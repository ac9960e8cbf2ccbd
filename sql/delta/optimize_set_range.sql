SET VARIABLE _optimize_range = [$from::BIGINT, $to::BIGINT]
