"""Speed of exported graphs in onnxruntime, and what networks from elsewhere go on to learn."""
