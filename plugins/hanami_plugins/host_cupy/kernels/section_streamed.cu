// Trains a network that is too big for the chip: each launch takes all weights through it once, to learn one batch and to
// answer the next. The sums of what blocks say to the outputs depend on how many blocks there are.

#include "section_batch.cuh"

// Weights lie slice by slice: (neurons / HS, sources, HS). The numbers of the scratch memory, in this order:
#define STATES 0              // 2 x 16: what a batch is, in turns
#define VERDICTS 32           // TILE x 8
#define GRADIENTS (VERDICTS + 8 * TILE)  // outputs x ROW; then blocks x outputs x ROW that all blocks say; then the
                              // hidden neurons, (neurons / HS, TILE, HS + 1)
// The numbers of a state.
#define AT 0
#define COUNT 1
#define END 2
#define SIZE 3
#define FAILED_AT 4
#define AVERAGES 5

// What a thread holds of a slice that is on its way, while the one before is at work: 16 bytes of weights in each number,
// and hidden neurons of the batch before.
#define AHEAD 13
#define HIDDEN_AHEAD ((TILE * (HS + 1) + THREADS - 1) / THREADS)
typedef struct {
    float4 weights[AHEAD];
    float hidden[HIDDEN_AHEAD], readout[2], bias;
} Ahead;

DEVICE void load_ahead(Ahead *ahead, const float *weights, const float *hidden, const float *readout, const float *bias,
                       int sources, int neurons, int outputs, int with_hidden)
{
    const int tid = threadIdx.x;
#pragma unroll
    for (int u = 0; u < AHEAD; u++)
        if (4 * (tid + u * THREADS) < sources * HS) ahead->weights[u] = ((const float4 *)weights)[tid + u * THREADS];
    for (int i = 4 * AHEAD * THREADS + 32 * tid; i < sources * HS; i += 32 * THREADS) prefetch(weights + i);
    if (with_hidden)
#pragma unroll
        for (int u = 0; u < HIDDEN_AHEAD; u++)
            if (tid + u * THREADS < TILE * (HS + 1)) ahead->hidden[u] = hidden[tid + u * THREADS];
#pragma unroll
    for (int u = 0; u < 2; u++) {
        const int i = tid + u * THREADS;
        if (i < outputs * HS) ahead->readout[u] = readout[(long long)(i / HS) * neurons + i % HS];
    }
    if (tid < HS) ahead->bias = bias[tid];
}

// Puts a slice in its place; what a thread could not hold of it comes now.
DEVICE void put_slice(const Ahead *ahead, float *w, float *h, float *readout, float *bias, const float *weights,
                      const float *all_readout, int sources, int neurons, int outputs, int with_hidden)
{
    const int tid = threadIdx.x;
    for (int i = 4 * (tid + AHEAD * THREADS); i < sources * HS; i += 4 * THREADS)
        copy_async(w + place(i / HS, i % HS), weights + i);
    copy_async_commit();
#pragma unroll
    for (int u = 0; u < AHEAD; u++) {
        const int i = 4 * (tid + u * THREADS);
        if (i < sources * HS) *(float4 *)(w + place(i / HS, i % HS)) = ahead->weights[u];
    }
    if (with_hidden)
#pragma unroll
        for (int u = 0; u < HIDDEN_AHEAD; u++)
            if (tid + u * THREADS < TILE * (HS + 1)) h[tid + u * THREADS] = ahead->hidden[u];
#pragma unroll
    for (int u = 0; u < 2; u++)
        if (tid + u * THREADS < outputs * HS) readout[tid + u * THREADS] = ahead->readout[u];
    for (int i = tid + 2 * THREADS; i < outputs * HS; i += THREADS)
        readout[i] = all_readout[(long long)(i / HS) * neurons + i % HS];
    if (tid < HS) bias[tid] = ahead->bias;
}

// Learns the batch that was judged last and answers the next one; `turn` tells which state is that of the former.
KERNEL void __launch_bounds__(THREADS, 1) stream_weights(const unsigned long long *job, int turn)
{
    DYNAMIC_SHARED(float, memory);
    const int tid = threadIdx.x, s = tid >> 2, part = tid & 3, blocks = gridDim.x;
    const int sources = (int)job[SOURCES], outputs = (int)job[OUTPUTS], neurons = (int)job[NEURONS];
    const int last = (int)job[LAST], slices = neurons / HS;
    const float *table = (const float *)job[TABLE];
    const int *entries = (const int *)job[ENTRIES];
    float *scratch = (float *)job[SCRATCH], *all_said = scratch + GRADIENTS + outputs * ROW;
    float *hidden = all_said + blocks * outputs * ROW, *weights = (float *)job[WEIGHTS];
    float *all_readout = (float *)job[READOUT], *all_bias = (float *)job[BIAS];
    const int *state = (const int *)scratch + STATES + 16 * turn;
    int *next_state = (int *)scratch + STATES + 16 * (1 - turn);
    int at = state[AT], n = state[COUNT], end = state[END], size = state[SIZE];

    float *w = memory;                                                    // sources x HS
    float *x = w + sources * HS;                                          // TILE rows of values, see `copy_rows`
    float *before = x + TILE * 4 * (sources / 8 + 1);                     // 16 STEPS rows of the batch before
    float *parts = before + 16 * STEPS * 4 * (sources / 8 + 1);           // as in `train_resident`
    float *h = parts;
    unsigned *gradient = (unsigned *)(h + TILE * (HS + 1));
    float *readout = parts + (HS <= 32 ? PARTS * TILE * 8 : TILE * (HS + 1) + TILE / 2 * HS);
    float *totals = (float *)gradient;                                    // 8 for each warp
    float *bias = readout + outputs * HS;                                 // HS
    float *steps = bias + HS;                                             // outputs x ROW
    float *said = steps + outputs * ROW;                                  // outputs x ROW
    float *powers = said + outputs * ROW;                                 // TILE + 1
    int *learned = (int *)(powers + TILE + 1);                            // TILE, rows of h
    int *cycles = learned + TILE;                                         // TILE
    int *in_order = cycles + TILE;                                        // TILE

    if (state[FAILED_AT] || at >= last) {
        if (blockIdx.x == 0 && tid < 16) next_state[tid] = state[tid];
        return;
    }
    fill_powers(powers);
    if (tid < TILE) in_order[tid] = tid;
    for (int i = tid; i < outputs * ROW; i += THREADS) said[i] = 0;
    float averages[5];
    for (int i = 0; i < 5; i++) averages[i] = ((const float *)state)[AVERAGES + i];
    __syncthreads();

    Batch batch = {0, 0, 1.0f, -1};
    if (n) {
        Verdict verdict = {1.0f, 0, 0, 0, 0, 0};
        float rate = 0;
        int cycle = 0, mine = 0;
        if (s < n) {
            const float *told = scratch + VERDICTS + 8 * s;
            cycle = entries ? entries[at + s] : at + s;
            verdict.distance = told[0];
            verdict.share = told[1];
            verdict.counts = told[2] > 0.0f;
            verdict.fails = told[3] > 0.0f;
            verdict.right = told[4] > 0.0f;
            verdict.unusable = told[5] > 0.0f;
            const float first_rate = __uint_as_float((unsigned)job[FIRST_RATE]);
            const float rate_change = __uint_as_float((unsigned)job[LAST_RATE]) - first_rate;
            rate = first_rate + rate_change * ((float)((long long)job[BEGIN] + cycle) / (float)job[TOTAL]);
            rate *= ((const float *)job[FACTORS])[cycle] * verdict.share;
        }
        batch = tally(&verdict, powers, totals, averages, &mine);
        note_steps(learned, steps, &verdict, batch, mine, s, scratch + GRADIENTS + s, rate, outputs);
        if (part == 0 && verdict.fails) cycles[mine] = cycle;
        if (tid < 16 && batch.count + tid < batch.rounded) cycles[batch.count + tid] = cycle;
    }
    const int broken = batch.broken < 0 ? 0 : 1 + (entries ? entries[at + batch.broken] : at + batch.broken);
    at += n;
    if (at == end) {
        end = at + SLICE < last ? at + SLICE : last;
        size = batch_size(averages[FAILURE], (int)job[MOST]);
    }
    n = size < end - at ? size : end - at;
    if (blockIdx.x == 0 && tid == 0) {
        next_state[AT] = at;
        next_state[COUNT] = n;
        next_state[END] = end;
        next_state[SIZE] = size;
        next_state[FAILED_AT] = broken;
        for (int i = 0; i < 5; i++) ((float *)next_state)[AVERAGES + i] = averages[i];
    }
    if (broken) return;
    __syncthreads();
    if (blockIdx.x == 0)
        for (int q = tid; q < outputs; q += THREADS) {
            float sum = 0;
            for (int l = 0; l < batch.rounded; l++) sum += steps[q * ROW + l];
            ((float *)job[READOUT_BIAS])[q] += sum;
        }
    // Rows that do not exist are zero.
    for (int i = tid + n * 4 * (sources / 8 + 1); i < (n + 15) / 16 * 16 * 4 * (sources / 8 + 1); i += THREADS) x[i] = 0;
    __syncthreads();
    copy_rows(x, table, entries, at, in_order, 0, n, sources);
    const int chunk = 16 * STEPS, first_rows = batch.rounded < chunk ? batch.rounded : chunk;
    copy_rows(before, table, cycles, 0, in_order, 0, first_rows, sources);

    Ahead ahead;
    if ((int)blockIdx.x < slices)
        load_ahead(&ahead, weights + (long long)blockIdx.x * sources * HS, hidden + (long long)blockIdx.x * TILE * (HS + 1),
                   all_readout + blockIdx.x * HS, all_bias + blockIdx.x * HS, sources, neurons, outputs, batch.count);
    for (int slice = blockIdx.x; slice < slices; slice += blocks) {
        float *slice_weights = weights + (long long)slice * sources * HS;
        float *slice_hidden = hidden + (long long)slice * TILE * (HS + 1);
        put_slice(&ahead, w, h, readout, bias, slice_weights, all_readout + slice * HS, sources, neurons, outputs,
                  batch.count);
        copy_async_wait(0);
        __syncthreads();
        const int next = slice + blocks;
        if (next < slices)
            load_ahead(&ahead, weights + (long long)next * sources * HS, hidden + (long long)next * TILE * (HS + 1),
                       all_readout + next * HS, all_bias + next * HS, sources, neurons, outputs, batch.count);
        if (batch.count) {
            go_back(gradient, h, readout, steps, learned, outputs, batch.rounded);
            __syncthreads();
            move_readout(readout, bias, gradient, h, steps, learned, outputs, batch.rounded);
            for (int begin = 0; begin < batch.rounded; begin += chunk) {
                const int rows = batch.rounded - begin < chunk ? batch.rounded - begin : chunk;
                if (batch.rounded > chunk) {
                    __syncthreads();
                    copy_rows(before, table, cycles, begin, in_order, 0, rows, sources);
                    copy_async_wait(0);
                    __syncthreads();
                }
                move_weights(w, before, gradient + begin / 2 * HS, in_order, sources, rows);
            }
            __syncthreads();
            for (int i = 4 * tid; i < sources * HS; i += 4 * THREADS)
                *(float4 *)(slice_weights + i) = *(const float4 *)(w + place(i / HS, i % HS));
            for (int i = tid; i < outputs * HS; i += THREADS)
                all_readout[(long long)(i / HS) * neurons + slice * HS + i % HS] = readout[i];
            for (int i = tid; i < HS; i += THREADS) all_bias[slice * HS + i] = bias[i];
        }
        if (n) {
            forward(w, x, in_order, bias, parts, h, sources, n);
            for (int i = tid; i < TILE * (HS + 1); i += THREADS) slice_hidden[i] = h[i];
            if (tid % TILE < n)
                for (int q = tid / TILE; q < outputs; q += THREADS / TILE)
                    said[q * ROW + tid % TILE] += said_by(h, readout, tid % TILE, q);
        }
        __syncthreads();
    }
    for (int i = tid; i < outputs * ROW; i += THREADS) all_said[blockIdx.x * outputs * ROW + i] = said[i];
}

// Judges the batch that was answered by `blocks` blocks; each block here judges one of its cycles.
KERNEL void judge_batch(const unsigned long long *job, int turn, int blocks)
{
    DYNAMIC_SHARED(float, memory);
    const int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31, s = blockIdx.x, outputs = (int)job[OUTPUTS];
    float *scratch = (float *)job[SCRATCH];
    const float *all_said = scratch + GRADIENTS + outputs * ROW + s;
    const int *state = (const int *)scratch + STATES + 16 * turn, *entries = (const int *)job[ENTRIES];
    const int at = state[AT], n = state[COUNT];
    const float *shares = (const float *)job[SHARES], *expected = (const float *)job[EXPECTED];
    float *z = memory, *wanted = z + outputs * ROW;
    if (state[FAILED_AT] || s >= n) return;

    const int cycle = entries ? entries[at + s] : at + s;
    if (tid < outputs) wanted[tid * ROW] = expected[(long long)cycle * outputs + tid];
    // A warp adds up what is said to one output.
    for (int q = warp; q < outputs; q += blockDim.x / 32) {
        float sum = 0;
#pragma unroll 5
        for (int block = lane; block < blocks; block += 32) sum += all_said[((long long)block * outputs + q) * ROW];
        sum = warp_sum(sum);
        if (lane == 0) z[q * ROW] = sum + ((const float *)job[READOUT_BIAS])[q];
    }
    __syncthreads();
    if (warp == 0) {
        Verdict verdict = {1.0f, 0, 0, 0, 0, 0};
        const float share = shares ? shares[at + s] : 1.0f;
        judge(&verdict, z, wanted, (const int *)job[GROUPS], (int)job[GROUP_COUNT], lane < 4, lane & 3);
        __syncwarp();
        for (int q = lane; q < outputs; q += 32) scratch[GRADIENTS + q * ROW + s] = z[q * ROW];
        if (lane == 0) {
            float *told = scratch + VERDICTS + 8 * s;
            told[0] = verdict.distance;
            told[1] = fabsf(share);
            told[2] = share >= 0.0f ? 1.0f : 0.0f;
            told[3] = (float)verdict.fails;
            told[4] = (float)verdict.right;
            told[5] = (float)verdict.unusable;
        }
    }
}
