// Doubles each of a row of numbers and adds one: what a device is tried with.
KERNEL void probe(float *values, int count)
{
    int place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place < count)
        values[place] = 2.0f * values[place] + 1.0f;
}
