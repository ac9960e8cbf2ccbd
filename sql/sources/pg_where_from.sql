source.{{column}} >= {{bound}}
