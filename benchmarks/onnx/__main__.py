"""All measurements: those that need a GPU or PyTorch say so where there is none."""

from . import cuda, drift, learner_graph, session

for measurement in (session, learner_graph, drift, cuda):
    measurement.main()
    print()
