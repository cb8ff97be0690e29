"""Speed of the exported learner graph, in onnxruntime."""
