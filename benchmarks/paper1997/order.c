/* The learning step of experiment 6a's net (156 weights) under truncated RTRL, in plain C: what
 * the engine is measured against. Same algorithm, float, an update per sequence.
 *
 * Two blocks of two cells; cell c belongs to block c % 2. Sources u = [bias, x (8), cells' outputs
 * (4), input gates (2), output gates (2)], all of the row before but bias and x.
 *   W (8, 17)   rows: input gates (2), output gates (2), cells (4)
 *   V (4, 5)    outputs: cells' outputs (4), bias
 *   X (T, 8), Y (T, 4) with NaN in the first place where there is no target, said (T, 4)
 *   ends (S + 1) where sequences begin, and T
 *
 * gcc -O3 -march=native -ffast-math -fno-finite-math-only -shared -fPIC order.c -o order.so -lm
 */
#include <math.h>
#include <string.h>

enum { I = 8, B = 2, N = 4, O = 4, S = I + N + B + B + 1, ROWS = B + B + N };

static float sigmoid(float z) { return 1.0f / (1.0f + expf(-z)); }

typedef struct {
    float u[S], s[N], h[N], i[B], o[B];
    float E_i[N][S], E_g[N][S];  /* traces: ds_c / dW of its block's input gate, of its own row */
    float G[ROWS][S], G_V[O][N + 1];
} Net;

static void forward(Net *net, const float W[ROWS][S], const float *x)
{
    float z[ROWS], *u = net->u;
    u[0] = 1.0f;
    memcpy(u + 1, x, I * sizeof(float));
    memcpy(u + 1 + I, net->h, N * sizeof(float));
    memcpy(u + 1 + I + N, net->i, B * sizeof(float));
    memcpy(u + 1 + I + N + B, net->o, B * sizeof(float));
    for (int r = 0; r < ROWS; r++) {
        z[r] = 0.0f;
        for (int k = 0; k < S; k++) z[r] += W[r][k] * u[k];
    }
    for (int b = 0; b < B; b++) {
        net->i[b] = sigmoid(z[b]);
        net->o[b] = sigmoid(z[B + b]);
    }
    for (int c = 0; c < N; c++) {
        float i = net->i[c % B], y = sigmoid(z[2 * B + c]), g = 4.0f * y - 2.0f;
        float inject_i = g * i * (1.0f - i), inject_g = i * 4.0f * y * (1.0f - y);
        net->s[c] += i * g;
        net->h[c] = net->o[c % B] * (2.0f * sigmoid(net->s[c]) - 1.0f);
        for (int k = 0; k < S; k++) {
            net->E_i[c][k] += inject_i * u[k];
            net->E_g[c][k] += inject_g * u[k];
        }
    }
}

static void gradient(Net *net, const float V[O][N + 1], const float *y_hat, const float *y)
{
    float credit[N] = {0};
    for (int o = 0; o < O; o++) {
        float delta = (y_hat[o] - y[o]) * y_hat[o] * (1.0f - y_hat[o]);
        for (int c = 0; c < N; c++) {
            credit[c] += delta * V[o][c];
            net->G_V[o][c] += delta * net->h[c];
        }
        net->G_V[o][N] += delta;
    }
    for (int c = 0; c < N; c++) {
        float o = net->o[c % B], k_s = sigmoid(net->s[c]);
        float back = credit[c] * o * 2.0f * k_s * (1.0f - k_s);
        float gate = credit[c] * (2.0f * k_s - 1.0f) * o * (1.0f - o);
        for (int k = 0; k < S; k++) {
            net->G[c % B][k] += back * net->E_i[c][k];
            net->G[B + c % B][k] += gate * net->u[k];
            net->G[2 * B + c][k] += back * net->E_g[c][k];
        }
    }
}

void run(float W[ROWS][S], float V[O][N + 1], const float *X, const float *Y, const long *ends,
         long sequences, float rate, float *said)
{
    Net net;
    for (long q = 0; q < sequences; q++) {
        memset(&net, 0, sizeof net);
        for (long t = ends[q]; t < ends[q + 1]; t++) {
            forward(&net, W, X + t * I);
            float *y_hat = said + t * O;
            for (int o = 0; o < O; o++) {
                y_hat[o] = V[o][N];
                for (int c = 0; c < N; c++) y_hat[o] += V[o][c] * net.h[c];
                y_hat[o] = sigmoid(y_hat[o]);
            }
            if (Y[t * O] == Y[t * O]) gradient(&net, V, y_hat, Y + t * O);
        }
        for (int r = 0; r < ROWS; r++)
            for (int k = 0; k < S; k++) W[r][k] -= rate * net.G[r][k];
        for (int o = 0; o < O; o++)
            for (int c = 0; c < N + 1; c++) V[o][c] -= rate * net.G_V[o][c];
    }
}
