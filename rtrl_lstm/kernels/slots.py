"""Where the kernels find things: the numbering shared by `layout` (which writes) and kernels.

A block has a *head* of float64 (counters, statistics, constants of the optimiser) and a *body*
of the learner's dtype (weights, traces, moments, states). A *table* of int64 says where in them
everything lies. The names below are positions in the head (H_), in the table (T_), in a layer's
part of the table (L_), in one of a layer's two sets of states (S_), and in a row's part (R_).
"""

import numpy as np

# --- names, and the codes that the kernels know them by ----------------------------------------
RULES = ("truncated", "snap1", "full")
LOSSES = (
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "log_loss",
    "cross_entropy",
    "poisson",
)
# For a cell's input and output. 4 sigmoid - 2 and 2 sigmoid - 1 are those of the 1997 paper.
CELL_ACTIVATIONS = ("tanh", "sigmoid", "identity", "relu", "4sigmoid-2", "2sigmoid-1")
ACTIVATIONS = ("identity", "sigmoid", "softmax", "exp")

SQUARED_ERROR = LOSSES.index("squared_error")
ABSOLUTE_ERROR = LOSSES.index("absolute_error")
HUBER = LOSSES.index("huber")
QUANTILE = LOSSES.index("quantile")
LOG_LOSS = LOSSES.index("log_loss")
CROSS_ENTROPY = LOSSES.index("cross_entropy")
POISSON = LOSSES.index("poisson")

IDENTITY = ACTIVATIONS.index("identity")
SIGMOID = ACTIVATIONS.index("sigmoid")
SOFTMAX = ACTIVATIONS.index("softmax")
EXP = ACTIVATIONS.index("exp")

CELL_TANH = CELL_ACTIVATIONS.index("tanh")
CELL_SIGMOID = CELL_ACTIVATIONS.index("sigmoid")
CELL_IDENTITY = CELL_ACTIVATIONS.index("identity")
CELL_RELU = CELL_ACTIVATIONS.index("relu")
CELL_4SIGMOID = CELL_ACTIVATIONS.index("4sigmoid-2")

SGD, MOMENTUM, RMSPROP, ADAGRAD, ADAM, ADAMW, OBGD, GATHER = range(8)
OPTIMIZER_CODES = {
    "sgd": SGD,
    "momentum": MOMENTUM,
    "rmsprop": RMSPROP,
    "adagrad": ADAGRAD,
    "adam": ADAM,
    "adamw": ADAMW,
    "obgd": OBGD,
}

EXPONENTIAL, INVERSE_TIME, LINEAR, COSINE = range(1, 5)  # 0: none
SCHEDULE_CODES = {
    "exponential": EXPONENTIAL,
    "inverse_time": INVERSE_TIME,
    "linear": LINEAR,
    "cosine": COSINE,
}

TRUNCATED = RULES.index("truncated")
SNAP1 = RULES.index("snap1")
FULL = RULES.index("full")

# How the gradient of a row of weights comes about: of DIRECT rows from the sources of the step;
# of TRACED rows from a trace; of SHARED rows, the gates of a block, from a trace for each cell of
# the block; of SNAP rows from the traces of the unit's state and of its output. Rows of weights
# without a gradient of their own (rule "full" finds it elsewhere) are HELD.
DIRECT, TRACED, SHARED, SNAP, HELD = range(5)

# Inputs that are mostly zero: whether traces fade, or stand still where no source moves them.
FADES, KEEPS = 1, 2

NO_CLIP, CLIP_NORM, CLIP_VALUE, CLIP_CREDIT = range(4)
CLIP_CODES = {"norm": CLIP_NORM, "value": CLIP_VALUE, "credit": CLIP_CREDIT}

# How the network sees an input.
AS_IS, SCALED, UNSEEN = range(3)

# What the last step has left for the next sweep over the weights to do. WEIGHTS is with traces;
# WEIGHTS_ONLY is for a label that came after the traces had been brought up to date.
NOTHING, TRACES, WEIGHTS, WEIGHTS_ONLY = range(4)

# Greatest absolute input and target.
LIMIT_FLOAT32 = 1e30
LIMIT_FLOAT64 = 1e150

# A combination forgets with this factor a label: it remembers about the last 1,000.
FORGETTING = 0.999
# A priori variances of the weights of the 1, the network's forecast and each input: how much must
# be seen before they move. On random walks and in short streams this costs least.
INITIAL_COVARIANCE = (0.001, 0.1, 1.0)
# How the losses fade by which it is mixed with the inputs: they remember about 20 labels, or 1,000.
FADING = (0.95, 0.999)
FIRST_COUNTS = 2.0  # so many times what its losses say: in doubt it is the last value
NOT_AVERAGED = -1.0  # in the place of the count of losses: there never are any
GREATEST_COVARIANCE = 1e5  # of its trace
BEYOND = 0.5  # so much of the range of its terms is how far it may leave it

# Simple forecasts beside the mixture, see `advantage.py`: the odds of the first input and of the
# mean where nothing speaks for either; how often the square of t counts for the mixture, and
# against it; the greatest exponent; for how many times their mean size differences count at most;
# and how many labels they are remembered where forecasts are of the next row.
SIMPLE_ODDS = (1.5, 0.25)
SURE_FOR, SURE_AGAINST = 2.0, 0.5
GREATEST_SURENESS = 50.0
GREATEST_DIFFERENCE = 3.0
REMEMBERS_DIFFERENCES = 1000.0
SAME = 1e-13  # of the size of two forecasts: what is between them is rounding and speaks for none
DIFFERENCES_SUM, DIFFERENCES_VARIANCE, DIFFERENCES_LATELY, DIFFERENCE_SIZE = range(4)
ADVANTAGE_SIZE = 4

# Contexts of labels, see `contexts.py`: how many labels the longest has; buckets of each order,
# and slots of each bucket; and the runs that are told apart. Codes of contexts are below MODULUS,
# which is prime, and a 128th of it is exact in float32.
ORDERS = 8
BUCKETS = 128
WAYS = 4
RUNS = 8
MODULUS = 2**31 - 1
MULTIPLIER = 1103515245
OF_PLACE, OF_SYMBOL = 742938285, 950706376  # Fishman & Moore 1986; else sums of symbols collide
GREATEST_SYMBOL = 1e6  # of an input; whole numbers beyond are none
MISSING = 1.0  # among labels of the past: none came; 0: before the sequence; class c: 2 + c
SHARE_RATE = 0.01  # how fast shares move in the end; at first each is the mean so far
FIRST_SHARE = (0.04, 2.0)  # of an order, and how many labels it counts for
GREATEST_SHARE = 0.9999
REMEMBERS_LABELS = 0.998  # frequencies are of about the last 500 labels
LEAST_FREQUENCY = 0.1
# Members of what knows no context, see `calibration.py`. With each label this share of their
# weights is dealt out anew, to all alike; and of what the chain counts for always, as at first.
OFTEN, DAMPED, PLAIN, SHARPENED, MEMBERS = range(5)
DEALT_OUT = 0.0005
ALWAYS, LOG_ODDS, CHAIN_SIZE = range(3)  # what the chain counts for, always and of late
FIRST_ALWAYS = 0.5
FIRST_LOG_ODDS = -3.0
REMEMBERS_GAINS = 0.98  # of late is over about the last 50 labels
LEAST_SAID = 1e-3  # no probability counts for less: what one label can change is bounded
# A slot: which context it is of (0: none), what came after it, in how long a run.
C_CHECK, C_LABEL, C_RUN, C_SIZE = range(4)
# Of an order, for a moment: its slot, its share (or the slot's check to be, negative), and what
# the orders below it say.
FOUND_SLOT, FOUND_SHARE, FOUND_BELOW, FOUND_SIZE = range(4)

# What is kept of a deferred step, a stretch of lanes each: see `sweeps.coefficients_of_gates`.
DEFERRED = ("s", "i", "f", "g", "cell", "o")

# --- head ------------------------------------------------------------------------------------
H_STEPS = 0  # rows seen
H_UPDATES = 1  # optimiser steps taken
H_POWER1 = 2  # beta1 ** updates
H_POWER2 = 3  # beta2 ** updates
H_AWAITS = 4  # 1 between a step and its label
H_PENDING = 5  # NOTHING, TRACES, WEIGHTS or WEIGHTS_ONLY
H_RATE = 6  # learning rate
H_STEP_SIZE = 7  # of the pending update, bias correction included
H_CORRECTION = 8  # 1 / sqrt(1 - beta2 ** updates), Adam's
H_SUMMED = 9  # labels in the sum of gradients
H_LABELS = 10  # labels learned from
H_FROZEN = 11  # 1: neither weights nor scaling change any more
H_RESET_STEP = 12  # forecaster: the row at which the present sequence began
H_RESET_NEXT = 13  # forecaster: 1 if the next row begins a sequence
H_CLIP_LIMIT = 14
H_HYPER = 15  # four numbers of the optimiser: 15 to 18
H_HUBER_DELTA = 19
H_SHRINK = 20  # AdamW: rate * weight decay of the pending update
H_SCHEDULE = 21  # two numbers of the schedule: 21 and 22
H_WARMUP = 23
H_SCHEDULE_START = 24  # optimiser steps before the schedule's first
H_DELTA = 25  # ObGD: sum of |dL/da| of the label
H_SEED = 26  # what is dropped is drawn from it
H_DROPOUT = 27  # the share that is dropped between layers; 0 in copies that do not learn
H_DEFERRED = 28  # 1: the step before the pending one is not written yet, see `deferred.py`
H_STATISTICS = 29  # from here: count, mean and M2 of inputs and of targets, quantiles

# --- table -----------------------------------------------------------------------------------
T_INPUTS = 0
T_OUTPUTS = 1
T_TARGETS = 2
T_LAYERS = 3
T_LOSS = 4
T_ACTIVATION = 5
T_OPTIMIZER = 6
T_SUMS = 7  # 1: gradients go into a sum first
T_SEQUENCE = 8  # 1: the sum is applied at reset only
T_CLIP = 9
T_SCALE_TARGET = 10
T_HORIZON = 11
T_OUT = 12  # body: readout before its activation
T_CREDIT_OUT = 13  # body: dL/d(readout)
T_READOUT = 14  # table: row of the readout weights
T_DIRECT = 15  # table: row of the readout's bias and shortcuts
T_RING = 16  # body: buffered inputs of a forecaster
T_RING_RESET = 17  # body: 1 where a sequence begins at a buffered row
T_INPUT_COUNT = 18  # head
T_INPUT_MEAN = 19
T_INPUT_M2 = 20
T_TARGET_COUNT = 21
T_TARGET_MEAN = 22
T_TARGET_M2 = 23
T_QUANTILES = 24
T_SCALED = 25  # table: for each input AS_IS, SCALED or UNSEEN
T_FIRST_LAYER = 26  # table: part of the first layer
T_COMBINED = 27  # numbers that a combination weighs: 1, the network's, the inputs'; 0: none
T_COMBINED_INPUTS = 28  # table: which inputs, output by output
T_COMBINATION = 29  # head: the weights of each output's combination
T_COVARIANCE = 30  # head
T_COMBINED_RING = 31  # head: what was combined in the rows whose labels are awaited
T_REACH = 32  # head: the covariance times the terms, and the terms, for a moment
T_LAST_LAYER = 33  # table: part of the last layer
T_LAYER_STEP = 34  # table: from one layer's part to the next
T_FLOAT32 = 35  # 1: the body is of float32
T_RULE = 36
T_SCHEDULE = 37
T_RESTART = 38  # 1: the schedule starts anew at each reset
T_INFLUENCE = 39  # body: dz and dm of a layer by one vector of weights, rule "full"
T_WHOLE = 40  # 1: the cell's decay takes in the way through its diagonal weights
T_SPARSE = 41  # FADES or KEEPS: only inputs that are not zero are looked at; 0: all are
T_NOW_INPUTS = 42  # head: lists of inputs, see `sparse.py`
T_NEXT_INPUTS = 43
T_LIVE = 44
T_VISITS = 45  # head: lists of pairs of rows that begin at an even source, and at an odd one
T_LOSSES = 47  # head: two recent losses and their count, of least squares and each input alone
T_CONTEXTS = 48  # orders of contexts that are remembered, of labels and of rows; 0: none
T_PAST_LABELS = 49  # head: the last labels
T_SHARES = 50  # head: shares of the orders, each with its count
T_FREQUENCIES = 51  # head: how often each label came
T_WEIGHTS = 52  # head: of the members of what knows no context
T_CHAIN = 53  # head: what the chain counts for
T_SAID = 54  # head: what the network says of each class, for a moment
T_FOUND = 55  # head: what was found for each order, for a moment
T_SUCCESSORS = 56  # body: the slots
T_EVERY_STEP = 57  # 1: the outputs are of the rows 1, 2 ... up to the horizon ahead
T_ADVANTAGE = 58  # head: of each output, how much better the mixture is than simple forecasts
T_PAST_ROWS = 59  # head: codes of the symbols of the last rows
T_SYMBOLS = 60  # table: inputs that may be symbols
T_SYMBOLS_COUNT = 61
T_SIZE = 62

L_UNITS = 0  # cells
L_LANES = 1  # lanes of all cells: for each cell of a block, the blocks rounded up to whole vectors
L_BELOW = 2  # numbers from below: inputs, or outputs of the layer below
L_X_AT = 3  # where they begin among the sources
L_H_AT = 4  # where the layer's own h begins among the sources; -1: it is not among them
L_SOURCES = 5  # how many sources
L_ROWS = 6
L_FIRST_ROW = 7  # table
L_CREDIT = 8  # body: dL/dh
L_INPUT_ACTIVATION = 9
L_CELL_ACTIVATION = 10
L_COUPLED = 11
L_GATES = 12  # numbers of the rows of the four gates, or -1: in z and push they lie in this order
L_OWN = 16  # body: the gates' diagonal weights, or -1
L_BLOCKS = 20  # blocks of cells that share their gates
L_BLOCK_LANES = 21  # rounded up to whole vectors
L_GROUPS = 22  # cells in a block
L_GATES_AT = 23  # where the gates of the step before begin among the sources; -1: they do not
L_PROJECTION = 24  # table: row of the projection; -1: none
L_CELL_CREDIT = 25  # body: dL/dm
L_OUT = 26  # numbers in a group of the output h (with a projection there is one group)
L_OUT_LANES = 27  # rounded up to whole vectors
L_OUT_GROUPS = 28
L_STATE = 29  # rule "full": number of the layer's first state among all states
L_TOGETHER = 30  # rows from the first on that one sweep can take: see `sweeps.descend_gates`
L_MASK = 31  # body: the factors of the numbers from below that the last row dropped; -1: none are
L_DEFERRED = 32  # body: DEFERRED of a deferred step, then its sources; -1: no step ever is
# Handed to functions: as Python's integers they would be compiled into a copy for each.
L_NOW = np.int64(33)  # table: the states that learn
L_NEXT = np.int64(45)  # table: the states that the next row moves (a learner's: L_NOW but S_U, S_V)
L_SIZE = 57

S_U = 0  # body: sources
S_Z = 1  # body: projections, a stretch of lanes per gate
S_S = 2  # body: cell state
S_H = 3  # body: output of the layer
S_DECAY = 4  # body: ds/ds'
S_DH_DS = 5  # body: dm/ds
S_PUSH = 6  # body, per gate: inject (traced rows) or dm/dz (rows without a trace)
S_PREVIOUS = 7  # body: the cell state before the step
S_M = 8  # body: output of the cells; h but for a projection
S_V = 9  # body: sources of the projection: m of all cells
S_GATES = 10  # body: activations of the gates, a stretch of lanes per gate; -1: nobody sees them
S_SNAP = 11  # body, SnAp-1: four stretches of lanes, see `snap.py`
S_SIZE = 12
assert L_NEXT == L_NOW + S_SIZE
assert L_SIZE == L_NEXT + S_SIZE

R_FIRST = 0  # first source that the row sees
R_COUNT = 1  # number of sources that it sees
R_TRACED = 2  # 1: it moves the state
R_WEIGHT = 3  # body; this and the next four lie as [vector of lanes][source][lane]
R_TRACE = 4  # R_TRACES of them, one after the other
R_MOMENT1 = 5
R_MOMENT2 = 6
R_SUM = 7
R_GATE = 8  # the number of its gate's row: where its push lies
R_OWN = 9  # for a diagonal weight: which state it sees, S_PREVIOUS or S_S; else -1
R_LANES = 10  # lanes of its units, whole vectors
R_KIND = 11  # DIRECT, TRACED, SHARED, SNAP or HELD
R_TRACES = 12
R_GROUPS = 13  # cells that share a unit of the row
R_VISITS = 14  # head: the list of pairs of columns that a sweep visits; -1: it visits all
R_SIZE = 15
