"""Networks from elsewhere, as learners: ONNX files and PyTorch's modules."""
