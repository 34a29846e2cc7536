// What all ways to train a network of sections in batches have in common. A batch is answered with the weights before it;
// the cycles that are not answered with confidence are learned by the sum of their gradients. `batches.py` says the same
// in NumPy.
//
// A block has HS of the hidden neurons: 8, 16, 32 or 64. Sums are built in an order that does not depend on HS: 8 parts
// of the sources, then groups of 8 hidden neurons, then pairs of groups, pairs of pairs, and so on.

#ifndef HS
#define HS 16
#endif

#define THREADS 256
#define TILE 64
#define ROW 72                // what one output says of TILE cycles, and room against bank conflicts
#define TILES (HS / 8)
#define PARTS 8               // of the sources, one for each warp
#define STEPS 2               // of 16 learned cycles each, that are learned together
#define UNIT 4096.0f          // gradients are multiplied with it, so that halves can hold them
#define LARGEST 3.4028235e38f

// The fields of a job.
#define WEIGHTS 0             // (sources, neurons)
#define BIAS 1                // (neurons)
#define READOUT 2             // (outputs, neurons)
#define READOUT_BIAS 3        // (outputs)
#define RECORD 4              // see below
#define TABLE 5               // (cycles, sources) in halves
#define FACTORS 6             // (cycles) how much each is learned
#define EXPECTED 7            // (cycles, outputs)
#define ENTRIES 8             // (entries) their cycles, or 0: the cycles one after the other
#define SHARES 9              // (entries) what they weigh, or 0: 1 each
#define GROUPS 10             // (interfaces, 3) first output, number of outputs, whether they are classes
#define GROUP_COUNT 11
#define OUTPUTS 12
#define SOURCES 13            // a multiple of 16
#define FIRST 14              // entries to train: from here
#define LAST 15               // to before here
#define BEGIN 16              // cycles of the task before the first one of the table
#define TOTAL 17              // cycles of the task
#define FIRST_RATE 18         // bits of a float
#define LAST_RATE 19          // bits of a float
#define MOST 20               // cycles of a batch at most
#define NEURONS 21
#define SCRATCH 22            // of `stream_weights`, see there
#define FIELDS 23

// The numbers of a record.
#define FAILURE 0
#define BROKEN 1
#define COUNTED 2
#define LOSS 3
#define RIGHT 4

// Of section_layout.py.
#define CONFIDENT 0.1f
#define GRADED_FACTOR 10.0f
#define SMOOTHING 0.1f
#define FAILURE_DECAY 0.01f
#define FARTHEST 0.9999f
#define WRONG 0.5f

// Of batches.py.
#define SLICE 512
#define BATCH_FAILURES 16.0f
#define MOST_STEPS 32.0f

// Values are halves from 0 to 1. In each group of 8 sources they lie in the order 0, 4, 1, 5, 2, 6, 3, 7, so that what a
// thread gets of a row are the sources k and k + 4.

// Where column j of row k of a matrix with HS columns lies, so that a warp meets no bank twice that reads rows 0 to 3,
// and half of one does that reads rows 0, 4, 1, 5.
DEVICE int place(int k, int j)
{
#if HS >= 32
    return k * HS + (j ^ (((k & 3) ^ (k >> 1 & 2)) << 3));
#elif HS == 16
    return k * HS + (j ^ ((k >> 1 ^ k >> 2) & 1) << 3);
#else
    return k * HS + j;
#endif
}

DEVICE int batch_size(float failure, int most)
{
    int size = (int)(BATCH_FAILURES / fmaxf(failure, 0.001f)) / 8 * 8;
    size = size < 8 ? 8 : size;
    return size < most ? size : most;
}

DEVICE float warp_sum(float value)
{
    for (int step = 16; step > 0; step >>= 1) value += __shfl_xor_sync(0xFFFFFFFFu, value, step);
    return value;
}

DEVICE float quad_sum(float value)
{
    value += __shfl_xor_sync(0xFFFFFFFFu, value, 1);
    return value + __shfl_xor_sync(0xFFFFFFFFu, value, 2);
}

DEVICE float quad_max(float value)
{
    value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFu, value, 1));
    return fmaxf(value, __shfl_xor_sync(0xFFFFFFFFu, value, 2));
}

// What the cycles of a batch come to, as every thread of a block knows it after `tally`.
typedef struct {
    int count;     // cycles that are learned
    int rounded;   // the same as a multiple of 8
    float scale;   // what their steps are multiplied with
    int broken;    // the first one whose sums are not finite, or -1
} Batch;

// What is said of a cycle.
typedef struct {
    float share, distance;
    int counts, fails, right, unusable;
} Verdict;

// Copies the rows of some cycles to their places in shared memory in the background, a warp for each row.
//
// x: rows of values, sources / 8 + 1 units of 16 bytes each.  chosen: the cycles of the entries, or 0.  entry: the first
// entry.  slots: where the row of each one goes.  begin, end: which of them.
DEVICE void copy_rows(float *x, const float *table, const int *chosen, int entry, const int *slots, int begin, int end,
                      int sources)
{
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, units = sources / 8;
    for (int row = begin + warp; row < end; row += THREADS / 32) {
        const int cycle = chosen ? chosen[entry + row] : entry + row;
        const float *from = table + (long long)cycle * (sources / 2);
        float *to = x + slots[row] * 4 * (units + 1);
        for (int i = lane; i < units; i += 32) copy_async(to + 4 * i, from + 4 * i);
    }
    copy_async_commit();
}

// Turns the sums z of the outputs of a cycle into gradients and judges it; 4 threads for each cycle, `part` is one of
// them, and all threads of a warp call it. Outputs lie `ROW` apart.
DEVICE void judge(Verdict *verdict, float *z, const float *wanted, const int *groups, int group_count, int is_there,
                  int part)
{
    float distance = 0;
    int wrong = 0, unusable = 0;
    for (int group = 0; group < group_count; group++) {
        const int start = groups[3 * group], end = start + groups[3 * group + 1], softmax = groups[3 * group + 2];
        float biggest = -LARGEST, most = -LARGEST, all = 0, far = 0, hit = 0;
        if (is_there)
            for (int q = start + part; q < end; q += 4) {
                biggest = fmaxf(biggest, z[q * ROW]);
                most = fmaxf(most, wanted[q * ROW]);
                unusable |= !(fabsf(z[q * ROW]) <= LARGEST);
            }
        biggest = quad_max(biggest);
        most = quad_max(most);
        if (is_there)
            for (int q = start + part; q < end; q += 4) {
                const float sum = z[q * ROW], e = __expf(softmax ? sum - biggest : -fabsf(sum));
                if (sum == biggest && wanted[q * ROW] == most) hit = 1;
                z[q * ROW] = softmax ? e : (sum < 0.0f ? e : 1.0f) / (1.0f + e);
                all += e;
            }
        const float inverse = 1.0f / quad_sum(all);
        hit = quad_max(hit);
        if (is_there)
            for (int q = start + part; q < end; q += 4) {
                const float is = softmax ? z[q * ROW] * inverse : z[q * ROW], should = wanted[q * ROW];
                const float smoothing = softmax ? SMOOTHING : 0.0f;
                if (should == should) {
                    const float graded = should * (1.0f - should) > 0.0f ? GRADED_FACTOR : 1.0f;
                    far = fmaxf(far, fabsf(is - should) * graded);
                    z[q * ROW] = is - (should * (1.0f - smoothing) + smoothing / (float)(end - start));
                } else
                    z[q * ROW] = 0;  // not trained
            }
        far = quad_max(far);
        distance = fmaxf(distance, far);
        wrong |= far >= WRONG && !(softmax && hit > 0.0f);
    }
    verdict->distance = distance;
    verdict->fails = is_there && distance >= CONFIDENT;
    verdict->right = !wrong;
    verdict->unusable = quad_max((float)unusable) > 0.0f;
}

// Adds up the verdicts of a batch in the order of its cycles, 4 threads for each; tells each thread the place of its
// cycle among those that are learned. `totals` has 8 numbers for each warp. Ends with a barrier before the last reads.
DEVICE Batch tally(const Verdict *verdict, const float *powers, float *totals, float *averages, int *learned_at)
{
    const int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31, leads = (lane & 3) == 0;
    const unsigned failing = __ballot_sync(0xFFFFFFFFu, leads && verdict->fails);
    const unsigned counting = __ballot_sync(0xFFFFFFFFu, leads && verdict->counts);
    const unsigned hits = __ballot_sync(0xFFFFFFFFu, leads && verdict->counts && verdict->right);
    const unsigned bad = __ballot_sync(0xFFFFFFFFu, leads && verdict->unusable);
    const unsigned below = (1u << (lane & ~3)) - 1;
    const float weight = warp_sum(leads && verdict->fails ? verdict->share : 0.0f);
    const float likely = 1.0f - fminf(verdict->distance, FARTHEST);
    const float loss = warp_sum(leads && verdict->counts ? -__logf(likely) : 0.0f);
    if (lane == 0) {
        float4 first = {(float)__popc(failing), (float)__popc(failing & counting), (float)__popc(counting), weight};
        float4 second = {(float)__popc(hits), loss, bad ? (float)((__ffs(bad) - 1) / 4 + 8 * warp) : -1.0f, 0};
        *(float4 *)(totals + 8 * warp) = first;
        *(float4 *)(totals + 8 * warp + 4) = second;
    }
    __syncthreads();
    Batch batch = {0, 0, 1.0f, -1};
    float weights = 0, failed = 0, counted = 0;
    int before = 0;
#pragma unroll
    for (int i = 0; i < THREADS / 32; i++) {
        const float4 first = *(const float4 *)(totals + 8 * i), second = *(const float4 *)(totals + 8 * i + 4);
        if (i < warp) before += (int)first.x;
        batch.count += (int)first.x;
        failed += first.y;
        counted += first.z;
        weights += first.w;
        averages[RIGHT] += second.x;
        averages[LOSS] += second.y;
        if (second.z >= 0.0f && batch.broken < 0) batch.broken = (int)second.z;
    }
    averages[COUNTED] += counted;
    if (counted > 0.0f)
        averages[FAILURE] += (1.0f - powers[(int)counted]) * (failed / counted - averages[FAILURE]);
    batch.rounded = (batch.count + 15) / 16 * 16;
    if (weights > MOST_STEPS) batch.scale = MOST_STEPS / weights;
    *learned_at = before + __popc(failing & below);
    return batch;
}

// Gradients of the hidden neurons of a block in the learned cycles, in halves: (rounded / 2 x HS), two cycles in a word.
// rows: which row of h each cycle has, `width` numbers apart.
DEVICE void go_back(unsigned *gradient, const float *h, int width, const float *readout, const float *steps,
                    const int *rows, int outputs, int rounded)
{
    const int j = threadIdx.x % HS;
    for (int pair = threadIdx.x / HS; pair < rounded / 2; pair += THREADS / HS) {
        float first = 0, second = 0;
#pragma unroll 2
        for (int q = 0; q < outputs; q++) {
            const float2 step = *(const float2 *)(steps + q * ROW + 2 * pair);
            first += step.x * readout[q * HS + j];
            second += step.y * readout[q * HS + j];
        }
        if (!(h[rows[2 * pair] * width + j] > 0.0f)) first = 0;
        if (!(h[rows[2 * pair + 1] * width + j] > 0.0f)) second = 0;
        gradient[place(pair, j)] = halves(fminf(fmaxf(first * UNIT, -65504.0f), 65504.0f),
                                          fminf(fmaxf(second * UNIT, -65504.0f), 65504.0f));
    }
}

// Moves the read-out and the biases of a block.
DEVICE void move_readout(float *readout, float *bias, const unsigned *gradient, const float *h, int width,
                         const float *steps, const int *rows, int outputs, int rounded)
{
    const int tid = threadIdx.x, j = tid % HS;
    for (int q = tid / HS; q < outputs; q += THREADS / HS) {
        float sum = 0;
#pragma unroll 8
        for (int l = 0; l < rounded; l++) sum += steps[q * ROW + l] * h[rows[l] * width + j];
        readout[q * HS + j] += sum;
    }
    const int i = THREADS - 1 - tid;
    if (i < HS) {
        float sum = 0;
#pragma unroll 8
        for (int pair = 0; pair < rounded / 2; pair++) {
            const unsigned both = gradient[place(pair, i)];
            sum += float_of(both & 0xFFFFu) + float_of(both >> 16);
        }
        bias[i] += sum / UNIT;
    }
}

DEVICE void fill_powers(float *powers)
{
    if (threadIdx.x <= TILE) {
        float power = 1.0f;
        for (int i = 0; i < (int)threadIdx.x; i++) power *= 1.0f - FAILURE_DECAY;
        powers[threadIdx.x] = power;
    }
}
