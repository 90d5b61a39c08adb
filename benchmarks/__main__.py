"""python -m benchmarks: every benchmark over the examples."""

from benchmarks import fusion

fusion.main([])
