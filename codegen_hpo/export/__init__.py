"""The model of a run as a folder that needs no codegen-hpo: with torch, as an ONNX graph, as a notebook."""
