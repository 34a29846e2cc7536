// Grows by the rows of a task and brings their values into the form that training reads. The cycles of a group are
// looked at in segments, so that all of them are at once; which rows are allocated and how far borders rise is as if the
// cycles had come one after the other. There is one job for each network.

#define SEGMENT 64
#define LARGEST 3.4028235e38f
#define ENERGY_BASE 20.0f
#define ENERGY_LOW 70.0f
#define ENERGY_HIGH 150.0f

// The fields of a job.
#define ROWS 0
#define FLOATS 1
#define STRIDE 2
#define CYCLES 3
#define SOURCES 4
#define PADDED 5
#define FLOORS 6
#define LIMITS 7
#define BORDERS 8
#define ALLOCATED_AT 9
#define MAXIMA 10
#define TABLE 11
#define FACTORS 12
#define BROKEN 13
#define BEGIN 14              // cycles since rows were allocated last
#define WIDE 15
#define RISEN 16
#define FIELDS 17

DEVICE float value_of(const unsigned long long *job, int cycle, int source)
{
    const unsigned char *row = (const unsigned char *)job[ROWS] + job[STRIDE] * (unsigned long long)cycle;
    return job[FLOATS] ? ((const float *)row)[source] : (float)row[source];
}

// For each segment: the highest value above the floor of each source; for each source: the cycle that allocates its row.
KERNEL void survey(const unsigned long long *jobs)
{
    const unsigned long long *job = jobs + (unsigned long long)blockIdx.z * FIELDS;
    const int source = blockIdx.x * blockDim.x + threadIdx.x, sources = (int)job[SOURCES], cycles = (int)job[CYCLES];
    const int begin = blockIdx.y * SEGMENT, end = begin + SEGMENT < cycles ? begin + SEGMENT : cycles;
    if (source >= sources || begin >= cycles) return;
    const float floor = ((const float *)job[FLOORS])[source], limit = ((const float *)job[LIMITS])[source];
    const int unallocated = ((const float *)job[BORDERS])[source] == 0.0f;
    float highest = 0;
    int allocated_at = -1;
    for (int cycle = begin; cycle < end; cycle++) {
        const float value = value_of(job, cycle, source);
        if (!(fabsf(value) <= LARGEST)) atomicMin((int *)job[BROKEN], cycle);
        const float above = fminf(value - floor, limit);
        if (above > 0.0f && allocated_at < 0) allocated_at = cycle;
        highest = fmaxf(highest, above);
    }
    ((float *)job[MAXIMA])[(long long)blockIdx.y * sources + source] = highest;
    if (unallocated && allocated_at >= 0) atomicMin((int *)job[ALLOCATED_AT] + source, (int)job[BEGIN] + allocated_at);
}

// The range of a source while the cycles of a segment go by.
typedef struct {
    float floor, limit, border, inverse;
    int known;
} Range;

DEVICE Range range_before(const unsigned long long *job, int source, int segment)
{
    Range range = {0, 0, 0, 0, source < (int)job[SOURCES]};
    if (range.known) {
        range.floor = ((const float *)job[FLOORS])[source];
        range.limit = ((const float *)job[LIMITS])[source];
        range.border = ((const float *)job[BORDERS])[source];
        const float *maxima = (const float *)job[MAXIMA] + source;
        for (int before = 0; before < segment; before++)
            range.border = fmaxf(range.border, maxima[(long long)before * (int)job[SOURCES]]);
        range.inverse = range.border > 0.0f ? fminf(1.0f / range.border, LARGEST) : 0.0f;
    }
    return range;
}

DEVICE float scaled_by(Range *range, float value)
{
    const float above = value - range->floor, risen = fminf(above, range->limit);
    if (risen > range->border) {
        range->border = risen;
        range->inverse = fminf(1.0f / risen, LARGEST);
    }
    return fminf(fmaxf(above * range->inverse, 0.0f), 1.0f);
}

// The values between floor and border, from 0 to 1, of a segment's cycles; the last segment tells how the borders end.
// In each group of 8 sources they lie in the order 0, 4, 1, 5, 2, 6, 3, 7, as `section_batch.cuh` reads them; a thread has
// two of them.
KERNEL void normalise(const unsigned long long *jobs)
{
    const unsigned long long *job = jobs + (unsigned long long)blockIdx.z * FIELDS;
    const int word = blockIdx.x * blockDim.x + threadIdx.x, cycles = (int)job[CYCLES], padded = (int)job[PADDED];
    const int begin = blockIdx.y * SEGMENT, end = begin + SEGMENT < cycles ? begin + SEGMENT : cycles;
    if (word >= padded / 2 || begin >= cycles) return;
    const int near = word / 4 * 8 + word % 4, far = near + 4;
    Range first = range_before(job, near, blockIdx.y), second = range_before(job, far, blockIdx.y);
    unsigned *table = (unsigned *)job[TABLE];
    float *wide = (float *)job[TABLE];
    const int is_wide = (int)job[WIDE];
#pragma unroll 4
    for (int cycle = begin; cycle < end; cycle++) {
        const float low = first.known ? scaled_by(&first, value_of(job, cycle, near)) : 0.0f;
        const float high = second.known ? scaled_by(&second, value_of(job, cycle, far)) : 0.0f;
        if (is_wide) {
            wide[(long long)cycle * padded + near] = low;
            wide[(long long)cycle * padded + far] = high;
        } else
            table[(long long)cycle * (padded / 2) + word] = halves(low, high);
    }
    if (end == cycles) {
        if (first.known) ((float *)job[RISEN])[near] = first.border;
        if (second.known) ((float *)job[RISEN])[far] = second.border;
    }
}

DEVICE float square_of(unsigned both)
{
    const float low = float_of(both & 0xFFFFu), high = float_of(both >> 16);
    return low * low + high * high;
}

// How much a cycle is learned goes by the sum of its squared values: a warp for each cycle.
KERNEL void energy(const unsigned long long *jobs)
{
    const unsigned long long *job = jobs + (unsigned long long)blockIdx.z * FIELDS;
    const int cycle = (blockIdx.x * blockDim.x + threadIdx.x) >> 5, lane = threadIdx.x & 31, padded = (int)job[PADDED];
    if (cycle >= (int)job[CYCLES]) return;
    float sum = 0;
    if (job[WIDE]) {
        const float *row = (const float *)job[TABLE] + (long long)cycle * padded;
        for (int source = lane; source < padded; source += 32) sum += row[source] * row[source];
    } else {
        const uint4 *row = (const uint4 *)job[TABLE] + (long long)cycle * (padded / 8);
        for (int i = lane; i < padded / 8; i += 32) {
            const uint4 eight = row[i];
            sum += (square_of(eight.x) + square_of(eight.y)) + (square_of(eight.z) + square_of(eight.w));
        }
    }
    for (int step = 16; step > 0; step >>= 1) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, step);
    const float base = ENERGY_BASE + sum;
    if (lane == 0)
        ((float *)job[FACTORS])[cycle] = fminf(fmaxf(1.0f, ENERGY_LOW / base), ENERGY_HIGH / base);
}

// Initial weights of sources in all hidden neurons, as `initial.sections` makes them: a thread for each.
DEVICE unsigned mix(unsigned x)
{
    const unsigned state = x * 747796405u + 2891336453u;
    const unsigned word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737u;
    return (word >> 22) ^ word;
}

KERNEL void begin_weights(float *weights, const unsigned *keys, int sources, int hidden, float scale)
{
    const long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= (long long)sources * hidden) return;
    const int source = (int)(at / hidden), neuron = (int)(at % hidden);
    const unsigned start = mix(keys[source] + (unsigned)(neuron / 64) * 0x9E3779B9u);
    const unsigned word = mix(start + (unsigned)(neuron % 64));
    weights[at] = ((float)(word >> 8) * 1.1920928955078125e-07f - 1.0f) * scale;
}

// The values of rows for an answer: between floor and border, 0 for what was never active.
KERNEL void scale_rows(const void *rows, int floats, long long stride, int cycles, int sources, int padded,
                       const float *floors, const float *borders, float *table, int *broken)
{
    const int source = blockIdx.x * blockDim.x + threadIdx.x, cycle = blockIdx.y;
    if (source >= padded) return;
    float scaled = 0;
    if (source < sources) {
        const unsigned char *row = (const unsigned char *)rows + stride * cycle;
        const float value = floats ? ((const float *)row)[source] : (float)row[source], border = borders[source];
        if (!(fabsf(value) <= LARGEST)) atomicMin(broken, cycle);
        if (border > 0.0f) scaled = fminf(fmaxf((value - floors[source]) * fminf(1.0f / border, LARGEST), 0.0f), 1.0f);
    }
    table[(long long)cycle * padded + source] = scaled;
}
