// Trains networks that stay in the shared memory of a thread-block cluster, each block HS of their hidden neurons. One
// launch trains many networks at once, each through many batches, and nothing leaves the chip between two of them but
// sums. A network becomes the same to the bit whatever CLUSTER is, and whatever else is trained.
//
// CLUSTER: blocks of a network, 1, 2, 4 or 8.

#include "section_batch.cuh"

// Hidden neurons of a block for a batch: h (TILE x (HS + 1)). Each warp multiplies all cycles with its part of the
// sources; then the parts are added up, 8 neurons at a time. `parts` may overlap with h.
DEVICE void forward(const float *w, const float *x, const int *slots, const float *bias, float *parts, float *h,
                    int sources, int n)
{
    const int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31, g = lane >> 2, t = lane & 3;
    const int steps = sources / 16, begin = steps * warp / PARTS, stop = steps * (warp + 1) / PARTS;
    const int stride = 4 * (sources / 8 + 1), tiles = (n + 15) / 16;
    const float *row[TILE / 16];
    float sums[TILE / 16][TILES][4];
#pragma unroll
    for (int m = 0; m < TILE / 16; m++) {
        row[m] = x + slots[m * 16 + (lane & 15)] * stride + (lane >> 4) * 4;
#pragma unroll
        for (int j = 0; j < TILES; j++)
#pragma unroll
            for (int i = 0; i < 4; i++) sums[m][j][i] = 0;
    }
#pragma unroll 2
    for (int step = begin; step < stop; step++) {
        unsigned b[TILES][2];
#pragma unroll
        for (int j = 0; j < TILES; j++) {
            const int k = step * 16 + t, column = j * 8 + g;
            b[j][0] = halves(w[place(k, column)], w[place(k + 4, column)]);
            b[j][1] = halves(w[place(k + 8, column)], w[place(k + 12, column)]);
        }
#pragma unroll
        for (int m = 0; m < TILE / 16; m++)
            if (m < tiles) {
                unsigned a[4];
                load_matrix(a, row[m] + step * 8);
#pragma unroll
                for (int j = 0; j < TILES; j++) mma_f16(sums[m][j], a, b[j]);
            }
    }
    float kept[TILES][2];
#pragma unroll
    for (int j = 0; j < TILES; j++) {
#pragma unroll
        for (int m = 0; m < TILE / 16; m++) {
            float *to = parts + (warp * TILE + m * 16 + g) * 8 + 2 * t;
            const float2 upper = {sums[m][j][0], sums[m][j][1]}, lower = {sums[m][j][2], sums[m][j][3]};
            *(float2 *)to = upper;
            *(float2 *)(to + 64) = lower;
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const float *from = parts + tid + i * THREADS;
            float sum = from[0];
#pragma unroll
            for (int part = 1; part < PARTS; part++) sum += from[part * TILE * 8];
            kept[j][i] = fmaxf(sum + bias[j * 8 + tid % 8], 0.0f);
        }
        __syncthreads();
    }
#pragma unroll
    for (int j = 0; j < TILES; j++)
#pragma unroll
        for (int i = 0; i < 2; i++) h[(tid / 8 + i * (THREADS / 8)) * (HS + 1) + j * 8 + tid % 8] = kept[j][i];
    __syncthreads();
}

// What the hidden neurons of a block say to output q about cycle s.
DEVICE float said_by(const float *h, const float *readout, int s, int q)
{
    float sums[TILES];
#pragma unroll
    for (int u = 0; u < TILES; u++) {
        const float *from = h + s * (HS + 1) + u * 8;
        const float4 near = *(const float4 *)(readout + q * HS + u * 8), far = *(const float4 *)(readout + q * HS + u * 8 + 4);
        sums[u] = (from[0] * near.x + from[1] * near.y) + (from[2] * near.z + from[3] * near.w) +
                  ((from[4] * far.x + from[5] * far.y) + (from[6] * far.z + from[7] * far.w));
    }
#pragma unroll
    for (int width = 1; width < TILES; width *= 2)
#pragma unroll
        for (int u = 0; u < TILES; u += 2 * width) sums[u] += sums[u + width];
    return sums[0];
}

// Notes the cycles that are learned, and their steps; up to a multiple of 16 there are more that do nothing.
DEVICE void note_steps(int *learned, float *steps, const Verdict *verdict, Batch batch, int at, int slot, const float *z,
                       float rate, int outputs)
{
    const int part = threadIdx.x & 3;
    if (verdict->fails) {
        if (part == 0) learned[at] = slot;
        for (int q = part; q < outputs; q += 4) steps[q * ROW + at] = -rate * batch.scale * z[q * ROW];
    }
    if (threadIdx.x < 16 && batch.count + (int)threadIdx.x < batch.rounded) {
        learned[batch.count + threadIdx.x] = 0;
        for (int q = 0; q < outputs; q++) steps[q * ROW + batch.count + threadIdx.x] = 0;
    }
}

// Moves the weights of a block by up to 16 STEPS cycles: a warp for 16 sources at a time.
// slots: where the values of each cycle lie.
DEVICE void move_weights(float *w, const float *x, const unsigned *gradient, const int *slots, int sources, int rounded)
{
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int stride = 4 * (sources / 8 + 1), steps = rounded / 16;
    unsigned b[STEPS][TILES][2];
    const float *row[STEPS];
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
        const int first = step < steps ? step : 0;
        row[step] = x + slots[first * 16 + (lane & 7) + (lane >> 4) * 8] * stride + (lane >> 3 & 1) * 4;
#pragma unroll
        for (int j = 0; j < TILES; j++) {
            b[step][j][0] = gradient[place(first * 8 + t, j * 8 + g)];
            b[step][j][1] = gradient[place(first * 8 + t + 4, j * 8 + g)];
        }
    }
    const int source = (g >> 1) + 4 * (g & 1);
    for (int tile = warp; tile < sources / 16; tile += THREADS / 32) {
        float sums[TILES][4];
#pragma unroll
        for (int j = 0; j < TILES; j++)
#pragma unroll
            for (int i = 0; i < 4; i++) sums[j][i] = 0;
#pragma unroll
        for (int step = 0; step < STEPS; step++)
            if (step < steps) {
                unsigned a[4];
                load_matrix_across(a, row[step] + tile * 8);
#pragma unroll
                for (int j = 0; j < TILES; j++) mma_f16(sums[j], a, b[step][j]);
            }
#pragma unroll
        for (int j = 0; j < TILES; j++) {
            float2 *upper = (float2 *)(w + place(tile * 16 + source, j * 8 + 2 * t));
            float2 *lower = (float2 *)(w + place(tile * 16 + source + 8, j * 8 + 2 * t));
            float2 near = *upper, far = *lower;
            near.x += sums[j][0] / UNIT;
            near.y += sums[j][1] / UNIT;
            far.x += sums[j][2] / UNIT;
            far.y += sums[j][3] / UNIT;
            *upper = near;
            *lower = far;
        }
    }
}

// The slots of the next batch: first those that no learned row lies in, then the others, in order. Returns how many of
// the former there are.
DEVICE int choose_slots(int *next_slots, const unsigned *kept, int n)
{
    const int lane = threadIdx.x & 31;
    const unsigned low = ~kept[0], high = ~kept[1];
    const int free = __popc(low) + __popc(high);
    if (threadIdx.x < TILE) {
        const int upper = threadIdx.x >= 32;
        const unsigned below = (1u << lane) - 1, mine = upper ? high : low;
        const int frees = __popc(mine & below) + (upper ? __popc(low) : 0);
        const int at = mine >> lane & 1 ? frees : free + (int)threadIdx.x - frees;
        next_slots[at] = threadIdx.x;
    }
    return free < n ? free : n;
}

KERNEL void __launch_bounds__(THREADS, 1) train_resident(const unsigned long long *jobs)
{
    DYNAMIC_SHARED(float, memory);
    const unsigned long long *job = jobs + (unsigned long long)(blockIdx.x / CLUSTER) * FIELDS;
    const unsigned rank = cluster_rank();
    const int tid = threadIdx.x, s = tid >> 2, part = tid & 3;
    const int sources = (int)job[SOURCES], outputs = (int)job[OUTPUTS], neurons = HS * CLUSTER;
    const int group_count = (int)job[GROUP_COUNT], last = (int)job[LAST], most = (int)job[MOST];
    float *weights = (float *)job[WEIGHTS], *record = (float *)job[RECORD];
    const float *table = (const float *)job[TABLE];
    const int *entries = (const int *)job[ENTRIES];
    const float *shares = (const float *)job[SHARES], *factors = (const float *)job[FACTORS];
    const float *expected = (const float *)job[EXPECTED];
    const float first_rate = __uint_as_float((unsigned)job[FIRST_RATE]);
    const float rate_change = __uint_as_float((unsigned)job[LAST_RATE]) - first_rate;
    const float total = (float)job[TOTAL];
    const long long task_begin = (long long)job[BEGIN];

    float *w = memory;                                                    // sources x HS
    float *x = w + sources * HS;                                          // TILE rows of values, see `copy_rows`
    float *parts = x + TILE * 4 * (sources / 8 + 1);                      // PARTS x TILE x 8, or what follows:
    float *h = parts;                                                     // TILE x (HS + 1)
    unsigned *gradient = (unsigned *)(h + TILE * (HS + 1));               // TILE / 2 x HS
    float *readout = parts + (HS <= 32 ? PARTS * TILE * 8 : TILE * (HS + 1) + TILE / 2 * HS);  // outputs x HS
    float *totals = (float *)gradient;                                    // 8 for each warp
    float *bias = readout + outputs * HS;                                 // HS
    float *said = bias + HS;                                              // 2 x outputs x ROW
    float *z = said + 2 * outputs * ROW;                                  // outputs x ROW
    float *wanted = z + outputs * ROW, *steps = wanted;                   // outputs x ROW, first the one, then the other
    float *readout_bias = wanted + outputs * ROW;                         // outputs
    float *powers = readout_bias + outputs;                               // TILE + 1
    int *learned = (int *)(powers + TILE + 1);                            // TILE, slots
    int *learned_rows = learned + TILE;                                   // TILE, rows of h
    int *slots = learned_rows + TILE, *next_slots = slots + TILE;         // TILE each
    unsigned *kept = (unsigned *)(next_slots + TILE);                     // 2, a bit for each slot
    int *groups = (int *)(kept + 2);                                            // group_count x 3

    for (int i = tid; i < sources * HS; i += THREADS)
        w[place(i / HS, i % HS)] = weights[(long long)(i / HS) * neurons + rank * HS + i % HS];
    for (int i = tid; i < outputs * HS; i += THREADS)
        readout[i] = ((float *)job[READOUT])[(i / HS) * neurons + rank * HS + i % HS];
    for (int i = tid; i < HS; i += THREADS) bias[i] = ((float *)job[BIAS])[rank * HS + i];
    for (int i = tid; i < outputs; i += THREADS) readout_bias[i] = ((float *)job[READOUT_BIAS])[i];
    for (int i = tid; i < 3 * group_count; i += THREADS) groups[i] = ((const int *)job[GROUPS])[i];
    fill_powers(powers);
    if (tid < TILE) slots[tid] = tid;
    float averages[5] = {record[FAILURE], 0, 0, 0, 0};
    int entry = (int)job[FIRST], end = entry + SLICE < last ? entry + SLICE : last;
    int size = batch_size(averages[FAILURE], most), n = size < end - entry ? size : end - entry, turn = 0, broken = 0;
    cluster_sync();
    copy_rows(x, table, entries, entry, slots, 0, n, sources);

    while (n > 0) {
        Verdict verdict = {1.0f, 0, 0, 0, 0, 0};
        float rate = 0;
        if (s < n) {
            const int cycle = entries ? entries[entry + s] : entry + s;
            for (int q = part; q < outputs; q += 4)
                wanted[q * ROW + s] = expected[(long long)cycle * outputs + q];
            const float share = shares ? shares[entry + s] : 1.0f;
            verdict.counts = share >= 0.0f;
            verdict.share = fabsf(share);
            rate = (first_rate + rate_change * ((float)(task_begin + cycle) / total)) * factors[cycle] * verdict.share;
        }
        // Rows that do not exist are answered as the first one, and nobody listens.
        if (tid < TILE) {
            if (tid >= n) slots[tid] = slots[0];
            if (tid < 2) kept[tid] = 0;
        }
        copy_async_wait(0);
        __syncthreads();

        forward(w, x, slots, bias, parts, h, sources, n);
        float *mine = said + turn * outputs * ROW;
        if (tid % TILE < n)
            for (int q = tid / TILE; q < outputs; q += THREADS / TILE)
                mine[q * ROW + tid % TILE] = said_by(h, readout, tid % TILE, q);
        cluster_sync();
        if (tid % TILE < n)
            for (int q = tid / TILE; q < outputs; q += THREADS / TILE) {
                float sums[CLUSTER];
#pragma unroll
                for (int r = 0; r < CLUSTER; r++) sums[r] = peer(mine, r)[q * ROW + tid % TILE];
#pragma unroll
                for (int width = 1; width < CLUSTER; width *= 2)
#pragma unroll
                    for (int r = 0; r < CLUSTER; r += 2 * width) sums[r] += sums[r + width];
                z[q * ROW + tid % TILE] = readout_bias[q] + sums[0];
            }
        __syncthreads();

        judge(&verdict, z + s, wanted + s, groups, group_count, s < n, part);
        int at = 0;
        const Batch batch = tally(&verdict, powers, totals, averages, &at);
        if (batch.broken >= 0) {
            const int where = entry + batch.broken;
            broken = (entries ? entries[where] : where) + 1;
            break;
        }
        note_steps(learned, steps, &verdict, batch, at, slots[s], z + s, rate, outputs);
        if (part == 0 && verdict.fails) {
            learned_rows[at] = s;
            atomicOr(kept + (slots[s] >> 5), 1u << (slots[s] & 31));
        }
        if (tid < 16 && batch.count + tid < batch.rounded) learned_rows[batch.count + tid] = 0;
        entry += n;
        if (entry == end) {
            end = entry + SLICE < last ? entry + SLICE : last;
            size = batch_size(averages[FAILURE], most);
        }
        n = size < end - entry ? size : end - entry;
        __syncthreads();

        // The rows of the next batch come while the weights move: now those whose slots are free, then the others.
        const int first_rows = choose_slots(next_slots, kept, n);
        if (batch.count)
            go_back(gradient, h, HS + 1, readout, steps, learned_rows, outputs, batch.rounded);
        __syncthreads();
        copy_rows(x, table, entries, entry, next_slots, 0, first_rows, sources);
        if (batch.count) {
            const int last_threads = tid - (THREADS - 32);
            for (int q = last_threads; q >= 0 && q < outputs; q += 32) {
                float sum = 0;
#pragma unroll 8
                for (int l = 0; l < batch.rounded; l++) sum += steps[q * ROW + l];
                readout_bias[q] += sum;
            }
            move_readout(readout, bias, gradient, h, HS + 1, steps, learned_rows, outputs, batch.rounded);
            for (int begin = 0; begin < batch.rounded; begin += 16 * STEPS) {
                const int rows = batch.rounded - begin < 16 * STEPS ? batch.rounded - begin : 16 * STEPS;
                move_weights(w, x, gradient + begin / 2 * HS, learned + begin, sources, rows);
            }
        }
        __syncthreads();
        copy_rows(x, table, entries, entry, next_slots, first_rows, n, sources);
        int *const swapped = slots;
        slots = next_slots;
        next_slots = swapped;
        turn ^= 1;
    }

    if (!broken) {
        for (int i = tid; i < sources * HS; i += THREADS)
            weights[(long long)(i / HS) * neurons + rank * HS + i % HS] = w[place(i / HS, i % HS)];
        for (int i = tid; i < outputs * HS; i += THREADS)
            ((float *)job[READOUT])[(i / HS) * neurons + rank * HS + i % HS] = readout[i];
        for (int i = tid; i < HS; i += THREADS) ((float *)job[BIAS])[rank * HS + i] = bias[i];
        if (rank == 0)
            for (int i = tid; i < outputs; i += THREADS) ((float *)job[READOUT_BIAS])[i] = readout_bias[i];
    }
    cluster_sync();
    if (rank == 0 && tid == 0) {
        record[FAILURE] = averages[FAILURE];
        record[BROKEN] = (float)broken;
        record[COUNTED] += averages[COUNTED];
        record[LOSS] += averages[LOSS];
        record[RIGHT] += averages[RIGHT];
    }
}
