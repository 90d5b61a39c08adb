"""python -m benchmarks: every benchmark over the examples."""

from benchmarks import fusion, memory

memory.main([])
print()
fusion.main([])
