"""What we claim, measured: benchmarks beside their peers."""
