"""The CIS Kubernetes Benchmark, item by item, judged by what is read back from the machines."""
