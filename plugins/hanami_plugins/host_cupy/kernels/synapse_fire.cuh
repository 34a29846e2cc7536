// How neurons and outputs of synapse networks fire, the same for answers and for training.

// The logarithm to base 2 of positive values, rounded as on a processor: synapses with narrow borders magnify a difference.
DEVICE float logarithm(float x)
{
    const int bits = __float_as_int(x), exponent = (bits - 0x3F3504F3) >> 23;
    const float r = __int_as_float(bits - exponent * (1 << 23)) - 1.0f, square = __fmul_rn(r, r);
    float p = 7.0376836292e-2f;
    p = __fmaf_rn(p, r, -1.1514610310e-1f);
    p = __fmaf_rn(p, r, 1.1676998740e-1f);
    p = __fmaf_rn(p, r, -1.2420140846e-1f);
    p = __fmaf_rn(p, r, 1.4249322787e-1f);
    p = __fmaf_rn(p, r, -1.6668057665e-1f);
    p = __fmaf_rn(p, r, 2.0000714765e-1f);
    p = __fmaf_rn(p, r, -2.4999993993e-1f);
    p = __fmaf_rn(p, r, 3.3333331174e-1f);
    const float natural = __fadd_rn(__fmaf_rn(-0.5f, square, __fmul_rn(p, __fmul_rn(square, r))), r);
    return __fmaf_rn(natural, 1.44269504088896341f, (float)exponent);
}

DEVICE float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-fmaxf(fminf(x, 87.0f), -87.0f)));
}
