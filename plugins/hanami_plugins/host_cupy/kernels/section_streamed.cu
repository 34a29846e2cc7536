// Trains a network that is too big for the chip: each launch takes all weights through it once, to learn one batch and to
// answer the next. The sums of what blocks say to the outputs depend on how many blocks there are.
//
// A block takes one slice of HS hidden neurons after the other, each of its warps one part of the sources. Weights go from
// memory to registers, where tensor cores move them and use them, and back; they never lie in shared memory. All those of
// the next slice are asked for at once, after the last use of this one: a thread that waits for one of them waits for all
// that are under way.
//
// EACH: tiles of 16 sources that a warp has, at most.

#define HS 16
#include "section_batch.cuh"

#ifndef EACH
#define EACH 7
#endif

// Weights lie slice by slice, in each tile by tile, (neurons / HS, sources / 16, 2, 32, 4): what a thread holds of a tile
// are two times 4 numbers, of the sources k and k + 4 of neuron g and of neuron g + 8, where k is lane % 4 and g is
// lane / 4; then of the sources k + 8 and k + 12. The numbers of the scratch memory, in this order:
#define STATES 0              // 2 x 16: what a batch is, in turns
#define VERDICTS 32           // TILE x 8
#define GRADIENTS (VERDICTS + 8 * TILE)  // outputs x ROW; then blocks x outputs x ROW that all blocks say; then the
                              // hidden neurons, (neurons / HS, TILE, HS)
// The numbers of a state.
#define AT 0
#define COUNT 1
#define END 2
#define SIZE 3
#define FAILED_AT 4
#define AVERAGES 5

#define NEAR (16 * STEPS)     // learned cycles whose rows lie in shared memory
#define MOST_OUTPUTS 32

// Copies the small things of a slice to their places in the background: of the learned cycles the hidden neurons
// (rounded x HS), read-out (outputs x HS) and HS biases behind it.
DEVICE void copy_small(float *h, float *readout, const float *hidden, const int *learned, const float *all_readout,
                       const float *all_bias, int neurons, int outputs, int rounded)
{
    const int tid = threadIdx.x, part = 4 * (tid % (HS / 4));
    for (int row = tid / (HS / 4); row < rounded; row += THREADS / (HS / 4))
        copy_async(h + row * HS + part, hidden + learned[row] * HS + part);
    for (int q = tid / (HS / 4); q < outputs; q += THREADS / (HS / 4))
        copy_async(readout + q * HS + part, all_readout + (long long)q * neurons + part);
    if (tid < HS / 4) copy_async(readout + outputs * HS + part, all_bias + part);
    copy_async_commit();
}

// Loads what a thread holds of a slice.
DEVICE void load_slice(float4 held[EACH][2], const float4 *weights, int own_tiles)
{
#pragma unroll
    for (int u = 0; u < EACH; u++)
        if (u + 1 < EACH || u < own_tiles) {
            held[u][0] = load_four(weights + u * 64);
            held[u][1] = load_four(weights + u * 64 + 32);
        }
}

// What a thread needs of the gradients of 16 cycles, as 16 neurons x 16 cycles.
DEVICE void take_gradient(unsigned a[4], const unsigned *gradient, int step)
{
    const int g = (threadIdx.x & 31) >> 2, pair = step * 8 + (threadIdx.x & 3);
    a[0] = gradient[place(pair, g)];
    a[1] = gradient[place(pair, g + 8)];
    a[2] = gradient[place(pair + 4, g)];
    a[3] = gradient[place(pair + 4, g + 8)];
}

// The values of a tile of sources in 16 cycles, as 16 cycles x 16 sources, from the table.
DEVICE void take_far(unsigned b[4], const float *table, const int *cycles, int sources, int column)
{
    const int g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const unsigned short *values = (const unsigned short *)table + column + g + 8 * (i >> 1);
        const int *pair = cycles + 2 * t + 8 * (i & 1);
        b[i] = values[(long long)pair[0] * sources] | (unsigned)values[(long long)pair[1] * sources] << 16;
    }
}

// Moves the weights of a tile that a thread holds by sums of gradients.
DEVICE void move_tile(float4 w[2], float sums[2][4])
{
#pragma unroll
    for (int v = 0; v < 2; v++) {
        w[v].x += sums[v][0] / UNIT;
        w[v].y += sums[v][1] / UNIT;
        w[v].z += sums[v][2] / UNIT;
        w[v].w += sums[v][3] / UNIT;
    }
}

// Adds up what the warps have of the hidden neurons of a slice, and keeps those: in h (TILE x (HS + 1)), and in memory.
DEVICE void add_parts(float sums[TILE / 16][TILES][4], float *parts, const float *bias, float *h, float *hidden)
{
    const int tid = threadIdx.x, warp = tid >> 5, g = (tid & 31) >> 2, t = tid & 3;
#pragma unroll
    for (int j = 0; j < TILES; j++)
#pragma unroll
        for (int m = 0; m < TILE / 16; m++) {
            float *to = parts + ((j * PARTS + warp) * TILE + m * 16 + g) * 8 + 2 * t;
            const float2 upper = {sums[m][j][0], sums[m][j][1]}, lower = {sums[m][j][2], sums[m][j][3]};
            *(float2 *)to = upper;
            *(float2 *)(to + 64) = lower;
        }
    __syncthreads();
#pragma unroll
    for (int u = 0; u < TILE * HS / THREADS; u++) {
        const int i = tid + u * THREADS, j = i / (TILE * 8), at = i % (TILE * 8), neuron = j * 8 + at % 8;
        const float *from = parts + j * PARTS * TILE * 8 + at;
        float sum = from[0];
#pragma unroll
        for (int part = 1; part < PARTS; part++) sum += from[part * TILE * 8];
        sum = fmaxf(sum + bias[neuron], 0.0f);
        h[at / 8 * (HS + 1) + neuron] = sum;
        hidden[at / 8 * HS + neuron] = sum;
    }
    __syncthreads();
}

// Adds what the hidden neurons of a slice say to all outputs, some threads for each cycle.
DEVICE void say(float *said, const float *h, const float *readout, int outputs)
{
    const int s = threadIdx.x % TILE;
    float values[HS];
#pragma unroll
    for (int j = 0; j < HS; j++) values[j] = h[s * (HS + 1) + j];
    for (int q = threadIdx.x / TILE; q < outputs; q += THREADS / TILE) {
        float sums[HS / 4];
#pragma unroll
        for (int u = 0; u < HS / 4; u++) {
            const float4 four = *(const float4 *)(readout + q * HS + 4 * u);
            sums[u] = (values[4 * u] * four.x + values[4 * u + 1] * four.y) +
                      (values[4 * u + 2] * four.z + values[4 * u + 3] * four.w);
        }
        said[q * ROW + s] += (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
}

// Learns the batch that was judged last and answers the next one; `turn` tells which state is that of the former.
KERNEL void __launch_bounds__(THREADS, 1) stream_weights(const unsigned long long *job, int turn)
{
    DYNAMIC_SHARED(float, memory);
    const int tid = threadIdx.x, s = tid >> 2, part = tid & 3, blocks = gridDim.x, warp = tid >> 5, lane = tid & 31;
    const int sources = (int)job[SOURCES], outputs = (int)job[OUTPUTS], neurons = (int)job[NEURONS];
    const int last = (int)job[LAST], slices = neurons / HS, stride = 4 * (sources / 8 + 1);
    const float *table = (const float *)job[TABLE];
    const int *entries = (const int *)job[ENTRIES];
    float *scratch = (float *)job[SCRATCH], *all_said = scratch + GRADIENTS + outputs * ROW;
    float *hidden = all_said + blocks * outputs * ROW;
    float *all_readout = (float *)job[READOUT], *all_bias = (float *)job[BIAS];
    const int *state = (const int *)scratch + STATES + 16 * turn;
    int *next_state = (int *)scratch + STATES + 16 * (1 - turn);
    // Memory has to be at work all the time, so the first weights come before all else. Every other launch takes the
    // slices backwards, since the last ones are still in the cache.
    const int own_slices = (slices - 1 - (int)blockIdx.x) / blocks + 1, onward = turn ? -blocks : blocks;
    const int first_slice = blockIdx.x + (turn ? (own_slices - 1) * blocks : 0);
    const int tiles = sources / 16, first_tile = tiles * warp / PARTS;
    const int own_tiles = tiles * (warp + 1) / PARTS - first_tile;  // EACH, or one less
    float4 *weights = (float4 *)job[WEIGHTS] + first_tile * 64 + lane, held[EACH][2];
    load_slice(held, weights + (long long)first_slice * tiles * 64, own_tiles);
    int at = state[AT], n = state[COUNT], end = state[END], size = state[SIZE];
    const int failed_at = state[FAILED_AT];

    float *x = memory;                                                    // TILE rows of values, see `copy_rows`
    float *before = x + TILE * stride;                                    // NEAR rows of the batch before
    float *parts = before + NEAR * stride;                                // PARTS x TILE x HS
    float *learned_h = parts;                                             // of the learned cycles, until there are parts
    float *h = parts + PARTS * TILE * HS;                                 // TILE x (HS + 1)
    unsigned *gradient = (unsigned *)(h + TILE * (HS + 1));               // TILE / 2 x HS
    float *totals = (float *)gradient;                                    // 8 for each warp
    float *readout = (float *)(gradient + TILE / 2 * HS);                 // outputs x HS, and HS biases; of this slice
    float *next_readout = readout + (outputs + 1) * HS;                   // the same of the next one
    float *said = next_readout + (outputs + 1) * HS;                      // outputs x ROW
    float *steps = said + outputs * ROW;                                  // outputs x ROW
    float *powers = steps + outputs * ROW;                                // TILE + 1
    int *learned = (int *)(powers + TILE + 1);                            // TILE, places in the batch before
    int *cycles = learned + TILE;                                         // TILE
    int *in_order = cycles + TILE;                                        // TILE

    if (failed_at || at >= last) {
        if (blockIdx.x == 0 && tid < 16) next_state[tid] = state[tid];
        return;
    }
    Verdict verdict = {1.0f, 0, 0, 0, 0, 0};
    float rate = 0, z[MOST_OUTPUTS / 4];
    int cycle = 0;
    if (s < n) {
        const float4 told = *(const float4 *)(scratch + VERDICTS + 8 * s);
        const float2 more = *(const float2 *)(scratch + VERDICTS + 8 * s + 4);
#pragma unroll
        for (int u = 0; u < MOST_OUTPUTS / 4; u++)
            if (part + 4 * u < outputs) z[u] = scratch[GRADIENTS + (part + 4 * u) * ROW + s];
        cycle = entries ? entries[at + s] : at + s;
        rate = ((const float *)job[FACTORS])[cycle];
        verdict.distance = told.x;
        verdict.share = told.y;
        verdict.counts = told.z > 0.0f;
        verdict.fails = told.w > 0.0f;
        verdict.right = more.x > 0.0f;
        verdict.unusable = more.y > 0.0f;
    }
    // The next batch has not more rows than these. A row that does not exist is zero.
    const int rows_begin = at + n, there = last - rows_begin < TILE ? last - rows_begin : TILE;
    for (int i = tid + there * stride; i < (there + 15) / 16 * 16 * stride; i += THREADS) x[i] = 0;
    if (tid < TILE) in_order[tid] = tid;
    fill_powers(powers);
    __syncthreads();
    copy_rows(x, table, entries, rows_begin, in_order, 0, there, sources);
    for (int i = tid; i < outputs * ROW; i += THREADS) said[i] = 0;
    float averages[5];
    for (int i = 0; i < 5; i++) averages[i] = ((const float *)state)[AVERAGES + i];

    Batch batch = {0, 0, 1.0f, -1};
    if (n) {
        int mine = 0;
        batch = tally(&verdict, powers, totals, averages, &mine);
        if (verdict.fails) {
            const float first_rate = __uint_as_float((unsigned)job[FIRST_RATE]);
            const float rate_change = __uint_as_float((unsigned)job[LAST_RATE]) - first_rate;
            const float done = (float)((long long)job[BEGIN] + cycle) / (float)job[TOTAL];
            rate *= (first_rate + rate_change * done) * verdict.share;
#pragma unroll
            for (int u = 0; u < MOST_OUTPUTS / 4; u++)
                if (part + 4 * u < outputs) steps[(part + 4 * u) * ROW + mine] = -rate * batch.scale * z[u];
            if (part == 0) {
                learned[mine] = s;
                cycles[mine] = cycle;
            }
        }
        if (tid < 16 && batch.count + tid < batch.rounded) {
            learned[batch.count + tid] = 0;
            cycles[batch.count + tid] = cycle;
            for (int q = 0; q < outputs; q++) steps[q * ROW + batch.count + tid] = 0;
        }
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
    __syncthreads();
    if (!broken) copy_rows(before, table, cycles, 0, in_order, 0, batch.rounded < NEAR ? batch.rounded : NEAR, sources);
    if (!broken)
        copy_small(learned_h, readout, hidden + (long long)first_slice * TILE * HS, learned, all_readout + first_slice * HS,
                   all_bias + first_slice * HS, neurons, outputs, batch.rounded);
    copy_async_wait(0);
    if (broken) return;
    if (blockIdx.x == 0)
        for (int q = tid; q < outputs; q += THREADS) {
            float sum = 0;
            for (int l = 0; l < batch.rounded; l++) sum += steps[q * ROW + l];
            ((float *)job[READOUT_BIAS])[q] += sum;
        }
    __syncthreads();

    const float *row[TILE / 16];
#pragma unroll
    for (int m = 0; m < TILE / 16; m++) row[m] = x + (m * 16 + (lane & 15)) * stride + (lane >> 4) * 4 + first_tile * 8;
    const float *learned_row = before + ((lane & 7) + (lane >> 3 & 1) * 8) * stride + (lane >> 4) * 4 + first_tile * 8;
    const int answered = (n + 15) / 16, all_steps = batch.rounded / 16;
    for (int i = 0, slice = first_slice; i < own_slices; i++, slice += onward) {
        const int more = i + 1 < own_slices, next = slice + onward;
        float *bias = readout + outputs * HS;
        unsigned a[STEPS][4];
        if (batch.count) {
            go_back(gradient, learned_h, HS, readout, steps, in_order, outputs, batch.rounded);
            __syncthreads();
            move_readout(readout, bias, gradient, learned_h, HS, steps, in_order, outputs, batch.rounded);
#pragma unroll
            for (int step = 0; step < STEPS; step++) take_gradient(a[step], gradient, step < all_steps ? step : 0);
            for (int step = STEPS; step < all_steps; step++) {  // the rare cycles that have no room
                unsigned far[4], b[4];
                take_gradient(far, gradient, step);
#pragma unroll
                for (int u = 0; u < EACH; u++)
                    if (u < own_tiles) {
                        float moved[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
                        take_far(b, table, cycles + 16 * step, sources, (first_tile + u) * 16);
                        mma_f16(moved[0], far, b);
                        mma_f16(moved[1], far, b + 2);
                        move_tile(held[u], moved);
                    }
            }
        }
        float sums[TILE / 16][TILES][4];
#pragma unroll
        for (int m = 0; m < TILE / 16; m++)
#pragma unroll
            for (int j = 0; j < TILES; j++)
#pragma unroll
                for (int v = 0; v < 4; v++) sums[m][j][v] = 0;
        float4 *slice_weights = weights + (long long)slice * tiles * 64;
#pragma unroll
        for (int u = 0; u < EACH; u++)
            if (u + 1 < EACH || u < own_tiles) {
                float moved[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
                float4 *w = held[u];
#pragma unroll
                for (int step = 0; step < STEPS; step++)
                    if (step < all_steps) {
                        unsigned b[4];
                        load_matrix_across(b, learned_row + u * 8 + step * 16 * stride);
                        mma_f16(moved[0], a[step], b);
                        mma_f16(moved[1], a[step], b + 2);
                    }
                move_tile(w, moved);
                store_four(slice_weights + u * 64, w[0]);
                store_four(slice_weights + u * 64 + 32, w[1]);
                const unsigned b[TILES][2] = {{halves(w[0].x, w[0].y), halves(w[1].x, w[1].y)},
                                              {halves(w[0].z, w[0].w), halves(w[1].z, w[1].w)}};
#pragma unroll
                for (int m = 0; m < TILE / 16; m++)
                    if (m < answered) {
                        unsigned values[4];
                        load_matrix(values, row[m] + u * 8);
#pragma unroll
                        for (int j = 0; j < TILES; j++) mma_f16(sums[m][j], values, b[j]);
                    }
            }
        if (more) load_slice(held, weights + (long long)next * tiles * 64, own_tiles);
        __syncthreads();
        if (n) add_parts(sums, parts, bias, h, hidden + (long long)slice * TILE * HS);
        if (more)
            copy_small(learned_h, next_readout, hidden + (long long)next * TILE * HS, learned, all_readout + next * HS,
                       all_bias + next * HS, neurons, outputs, batch.rounded);
        if (n) say(said, h, readout, outputs);
        if (batch.count) {
            for (int j = tid; j < outputs * HS; j += THREADS)
                all_readout[(long long)(j / HS) * neurons + slice * HS + j % HS] = readout[j];
            if (tid < HS) all_bias[slice * HS + tid] = bias[tid];
        }
        copy_async_wait(0);
        __syncthreads();
        float *const swapped = readout;
        readout = next_readout;
        next_readout = swapped;
    }
    for (int i = tid; i < outputs * ROW; i += THREADS) all_said[blockIdx.x * outputs * ROW + i] = said[i];
}

// Judges the batch that was answered by `blocks` blocks; each block here judges one of its cycles, a warp for each output.
KERNEL void judge_batch(const unsigned long long *job, int turn, int blocks)
{
    DYNAMIC_SHARED(float, memory);
    const int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31, s = blockIdx.x, outputs = (int)job[OUTPUTS];
    float *scratch = (float *)job[SCRATCH];
    const float *all_said = scratch + GRADIENTS + outputs * ROW + s;
    const int *state = (const int *)scratch + STATES + 16 * turn, *entries = (const int *)job[ENTRIES];
    const int at = state[AT], n = state[COUNT], failed_at = state[FAILED_AT];
    const float *shares = (const float *)job[SHARES], *expected = (const float *)job[EXPECTED];
    float *z = memory, *wanted = z + outputs * ROW;
    float sum = 0;
    if (warp < outputs)
#pragma unroll 5
        for (int block = lane; block < blocks; block += 32) sum += all_said[((long long)block * outputs + warp) * ROW];
    if (failed_at || s >= n) return;

    const int cycle = entries ? entries[at + s] : at + s;
    if (tid < outputs) wanted[tid * ROW] = expected[(long long)cycle * outputs + tid];
    if (warp < outputs) {
        sum = warp_sum(sum);
        if (lane == 0) z[warp * ROW] = sum + ((const float *)job[READOUT_BIAS])[warp];
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
