"""Top-1 of small CNNs on real data: float, int8 after training, int8 trained as such."""
