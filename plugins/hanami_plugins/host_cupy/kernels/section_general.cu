// Judges batches of networks of any size, whose products are computed by cuBLAS.

#include "section_batch.cuh"

// Judges a batch of n entries from `first` on, whose sums are z (outputs x ROW), and turns these into steps: 0 for cycles
// that are not learned. wanted (outputs x ROW) is scratch memory. One block.
KERNEL void judge_sums(const unsigned long long *job, float *z, float *wanted, int first, int n)
{
    __shared__ float powers[TILE + 1];
    __shared__ float4 totals[THREADS / 16];
    const int tid = threadIdx.x, s = tid >> 2, part = tid & 3, outputs = (int)job[OUTPUTS];
    const int *entries = (const int *)job[ENTRIES];
    const float *shares = (const float *)job[SHARES], *expected = (const float *)job[EXPECTED];
    float *record = (float *)job[RECORD];
    Verdict verdict = {1.0f, 0, 0, 0, 0, 0};
    float rate = 0, averages[5];
    fill_powers(powers);
    for (int i = 0; i < 5; i++) averages[i] = record[i];
    if (s < n) {
        const int cycle = entries ? entries[first + s] : first + s;
        for (int q = part; q < outputs; q += 4) wanted[q * ROW + s] = expected[(long long)cycle * outputs + q];
        const float share = shares ? shares[first + s] : 1.0f;
        const float first_rate = __uint_as_float((unsigned)job[FIRST_RATE]);
        const float rate_change = __uint_as_float((unsigned)job[LAST_RATE]) - first_rate;
        verdict.counts = share >= 0.0f;
        verdict.share = fabsf(share);
        rate = first_rate + rate_change * ((float)((long long)job[BEGIN] + cycle) / (float)job[TOTAL]);
        rate *= ((const float *)job[FACTORS])[cycle] * verdict.share;
    }
    __syncthreads();
    judge(&verdict, z + s, wanted + s, (const int *)job[GROUPS], (int)job[GROUP_COUNT], s < n, part);
    int at = 0;
    const Batch batch = tally(&verdict, powers, (float *)totals, averages, &at);
    if (s < n)
        for (int q = part; q < outputs; q += 4) z[q * ROW + s] *= verdict.fails ? -rate * batch.scale : 0.0f;
    if (tid == 0) {
        if (batch.broken >= 0 && averages[BROKEN] == 0.0f)
            averages[BROKEN] = (float)(1 + (entries ? entries[first + batch.broken] : first + batch.broken));
        for (int i = 0; i < 5; i++) record[i] = averages[i];
    }
}
