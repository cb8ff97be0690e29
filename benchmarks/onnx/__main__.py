"""The measurements that need no GPU, and the one that does where there is one."""

from . import cuda, learner_graph

for measurement in (learner_graph, cuda):
    measurement.main()
    print()
