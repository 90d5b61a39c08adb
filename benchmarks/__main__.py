"""python -m benchmarks: every benchmark over the examples."""

from benchmarks import fusion, instructions, memory

memory.main([])
print()
fusion.main([])
print()
instructions.main([])
