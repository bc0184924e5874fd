"""Speed, memory and a first look: scratch beside PyTorch.

python -m benchmarks          times and peak memory of every layer and of whole networks (run, report, compare)
python -m benchmarks.demo     trains one network on both sides and writes report/index.html
"""
