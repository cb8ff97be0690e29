/* The learning step of a one-layer LSTM under truncated RTRL with SGD, in C: what the engine's
 * kernels are measured against. Same algorithm, float, one output, squared error.
 *
 * Shapes: I inputs, n units, D = 1 + I + n sources u = [1, x, h'], padded to `width` with zeros.
 *   rows   (n, 7, width)  per unit: weights of i, f, g, o, then traces of i, f, g
 *   V (n), b (1)          readout
 *   state  (2, n)         h, s
 *   X (T, I), Y (T), forecast (T)
 *
 * `equations` is the algorithm as it is written down, a loop to an equation: projection, traces,
 * update, each for one gate after the other, over rows (7, n, D).
 * `by_unit` goes over the weights twice a step: projection, then traces and update of a unit at once.
 * `fused` goes over them once: while it updates it also projects the next row's sources, which
 * are known by then.
 *
 * gcc -O3 -march=native -ffast-math -shared -fPIC step.c -o step.so -lm
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 7, GATES = 4 };

/* What a step needs of each unit, (n) each. */
typedef struct {
    float *z;       /* (4, n) gate sums, by gate */
    float *decay;   /* ds/ds' */
    float *inject;  /* (3, n) ds/dz of i, f, g */
    float *dh_ds;
    float *dh_do;   /* dh/dz_o */
    float *credit;  /* dL/dh */
} Work;

static float sigmoid(float z) { return 1.0f / (1.0f + expf(-z)); }
static float squash(float z) { return 2.0f / (1.0f + expf(-2.0f * z)) - 1.0f; }

static void gather(float *restrict u, const float *restrict x, const float *restrict h, int I, int n)
{
    u[0] = 1.0f;
    memcpy(u + 1, x, I * sizeof(float));
    memcpy(u + 1 + I, h, n * sizeof(float));
}

static void project(const float *restrict rows, const float *restrict u, float *restrict z, int n, int width)
{
    for (int j = 0; j < n; j++) {
        for (int gate = 0; gate < GATES; gate++) {
            const float *w = rows + ((long)j * ROWS + gate) * width;
            float sum = 0.0f;
            for (int k = 0; k < width; k++)
                sum += w[k] * u[k];
            z[gate * n + j] = sum;
        }
    }
}

/* Pointers as arguments, each restrict: gcc vectorises neither exp nor the rest without. */
static void cell(const float *restrict z, float *restrict h, float *restrict s,
                 float *restrict decay, float *restrict inject, float *restrict dh_ds,
                 float *restrict dh_do, int n)
{
    for (int j = 0; j < n; j++) {
        float i = sigmoid(z[j]), f = sigmoid(z[n + j]);
        float g = squash(z[2 * n + j]), o = sigmoid(z[3 * n + j]);
        float next = f * s[j] + i * g;
        float out = squash(next);
        decay[j] = f;
        inject[j] = g * i * (1.0f - i);
        inject[n + j] = s[j] * f * (1.0f - f);
        inject[2 * n + j] = i * (1.0f - g * g);
        dh_ds[j] = o * (1.0f - out * out);
        dh_do[j] = out * o * (1.0f - o);
        s[j] = next;
        h[j] = o * out;
    }
}

/* Forecast, then the credit of each unit (with V before its update), then V's own update. */
static float readout(float *restrict V, float *b, const float *restrict h, float *restrict credit,
                     float label, float rate, int n)
{
    float y = *b;
    for (int j = 0; j < n; j++)
        y += V[j] * h[j];
    float dy = y - label;
    for (int j = 0; j < n; j++) {
        credit[j] = dy * V[j];
        V[j] -= rate * dy * h[j];
    }
    *b -= rate * dy;
    return y;
}

/* Traces and weights of one unit. */
static void learn_unit(float *restrict wi, float *restrict wf, float *restrict wg, float *restrict wo,
                       float *restrict ei, float *restrict ef, float *restrict eg,
                       const float *restrict u, float decay, const float inject[3],
                       float through_s, float through_o, int width)
{
    float ai = inject[0], af = inject[1], ag = inject[2];
    for (int k = 0; k < width; k++) {
        float i = decay * ei[k] + ai * u[k];
        float f = decay * ef[k] + af * u[k];
        float g = decay * eg[k] + ag * u[k];
        ei[k] = i;
        ef[k] = f;
        eg[k] = g;
        wi[k] -= through_s * i;
        wf[k] -= through_s * f;
        wg[k] -= through_s * g;
        wo[k] -= through_o * u[k];
    }
}

/* The same, and the gate sums of the next row (next: its sources) into z (4). */
static void learn_and_project_unit(
    float *restrict wi, float *restrict wf, float *restrict wg, float *restrict wo,
    float *restrict ei, float *restrict ef, float *restrict eg, const float *restrict u,
    const float *restrict next, float decay, const float inject[3], float through_s,
    float through_o, int width, float z[GATES])
{
    float ai = inject[0], af = inject[1], ag = inject[2];
    float zi = 0.0f, zf = 0.0f, zg = 0.0f, zo = 0.0f;
    for (int k = 0; k < width; k++) {
        float i = decay * ei[k] + ai * u[k];
        float f = decay * ef[k] + af * u[k];
        float g = decay * eg[k] + ag * u[k];
        ei[k] = i;
        ef[k] = f;
        eg[k] = g;
        i = wi[k] - through_s * i;
        f = wf[k] - through_s * f;
        g = wg[k] - through_s * g;
        float o = wo[k] - through_o * u[k];
        wi[k] = i;
        wf[k] = f;
        wg[k] = g;
        wo[k] = o;
        zi += i * next[k];
        zf += f * next[k];
        zg += g * next[k];
        zo += o * next[k];
    }
    z[0] = zi;
    z[1] = zf;
    z[2] = zg;
    z[3] = zo;
}

static void learn(float *rows, const float *u, const float *next, Work a, float rate, int n, int width)
{
    for (int j = 0; j < n; j++) {
        float *w = rows + (long)j * ROWS * width;
        float *e = w + (long)GATES * width;
        float inject[3] = {a.inject[j], a.inject[n + j], a.inject[2 * n + j]};
        float through_s = rate * a.credit[j] * a.dh_ds[j];
        float through_o = rate * a.credit[j] * a.dh_do[j];
        if (next) {
            float z[GATES];
            learn_and_project_unit(w, w + width, w + 2 * width, w + 3 * width, e, e + width,
                                   e + 2 * width, u, next, a.decay[j], inject, through_s,
                                   through_o, width, z);
            for (int gate = 0; gate < GATES; gate++)
                a.z[gate * n + j] = z[gate];
        } else {
            learn_unit(w, w + width, w + 2 * width, w + 3 * width, e, e + width, e + 2 * width, u,
                       a.decay[j], inject, through_s, through_o, width);
        }
    }
}

/* z = W u. */
static void project_gates(const float *restrict W, const float *restrict u, float *restrict z, int n, int D)
{
    for (int r = 0; r < GATES * n; r++) {
        const float *w = W + (long)r * D;
        float sum = 0.0f;
        for (int k = 0; k < D; k++)
            sum += w[k] * u[k];
        z[r] = sum;
    }
}

/* E = (ds/ds') E' + (ds/dz) u for i, f and g. */
static void follow(float *restrict E, const float *restrict u, Work a, int n, int D)
{
    for (int gate = 0; gate < GATES - 1; gate++) {
        for (int j = 0; j < n; j++) {
            float *e = E + ((long)gate * n + j) * D;
            float decay = a.decay[j], inject = a.inject[gate * n + j];
            for (int k = 0; k < D; k++)
                e[k] = decay * e[k] + inject * u[k];
        }
    }
}

/* W -= rate (dL/ds) E for i, f and g, and rate (dL/dz) u for o. */
static void descend(float *restrict W, const float *restrict E, const float *restrict u, Work a,
                    float rate, int n, int D)
{
    for (int gate = 0; gate < GATES - 1; gate++) {
        for (int j = 0; j < n; j++) {
            float *w = W + ((long)gate * n + j) * D;
            const float *e = E + ((long)gate * n + j) * D;
            float through_s = rate * a.credit[j] * a.dh_ds[j];
            for (int k = 0; k < D; k++)
                w[k] -= through_s * e[k];
        }
    }
    for (int j = 0; j < n; j++) {
        float *w = W + ((long)(GATES - 1) * n + j) * D;
        float through_o = rate * a.credit[j] * a.dh_do[j];
        for (int k = 0; k < D; k++)
            w[k] -= through_o * u[k];
    }
}

/* Room for a step; the caller frees it. */
static float *work(Work *a, float **u, float **next, int n, int width)
{
    float *memory = calloc((size_t)2 * width + 11 * n, sizeof(float));
    *u = memory;
    *next = memory + width;
    a->z = *next + width;
    a->decay = a->z + 4 * n;
    a->inject = a->decay + n;
    a->dh_ds = a->inject + 3 * n;
    a->dh_do = a->dh_ds + n;
    a->credit = a->dh_do + n;
    return memory;
}

static void run(float *rows, float *V, float *b, float *state, const float *X, const float *Y,
                float *forecast, long T, int I, int n, int width, float rate, int fused)
{
    float *u, *next;
    Work a;
    float *memory = work(&a, &u, &next, n, width);
    float *h = state, *s = state + n;

    gather(u, X, h, I, n);
    project(rows, u, a.z, n, width);
    for (long t = 0; t < T; t++) {
        int last = t + 1 == T;
        cell(a.z, h, s, a.decay, a.inject, a.dh_ds, a.dh_do, n);
        forecast[t] = readout(V, b, h, a.credit, Y[t], rate, n);
        if (!last)
            gather(next, X + (t + 1) * I, h, I, n);
        learn(rows, u, fused && !last ? next : NULL, a, rate, n, width);
        if (!last && !fused)
            project(rows, next, a.z, n, width);
        float *swap = u;
        u = next;
        next = swap;
    }
    free(memory);
}

void by_unit(float *rows, float *V, float *b, float *state, const float *X, const float *Y,
             float *forecast, long T, int I, int n, int width, float rate)
{
    run(rows, V, b, state, X, Y, forecast, T, I, n, width, rate, 0);
}

void fused(float *rows, float *V, float *b, float *state, const float *X, const float *Y,
           float *forecast, long T, int I, int n, int width, float rate)
{
    run(rows, V, b, state, X, Y, forecast, T, I, n, width, rate, 1);
}

void equations(float *rows, float *V, float *b, float *state, const float *X, const float *Y,
               float *forecast, long T, int I, int n, int width, float rate)
{
    float *u, *next;
    Work a;
    float *memory = work(&a, &u, &next, n, width);
    float *W = rows, *E = rows + (long)GATES * n * width, *h = state, *s = state + n;

    for (long t = 0; t < T; t++) {
        gather(u, X + t * I, h, I, n);
        project_gates(W, u, a.z, n, width);
        cell(a.z, h, s, a.decay, a.inject, a.dh_ds, a.dh_do, n);
        forecast[t] = readout(V, b, h, a.credit, Y[t], rate, n);
        follow(E, u, a, n, width);
        descend(W, E, u, a, rate, n, width);
    }
    free(memory);
}
