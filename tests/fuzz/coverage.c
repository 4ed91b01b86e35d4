/* Tells libFuzzer which places of the native module an input has reached.
 *
 * gcc calls `__sanitizer_cov_trace_pc` at each branch, which libFuzzer takes no notice of: it wants clang's counters.
 * These are they, one for each address, as far as the module's addresses fit in. Linked with -Bsymbolic, for libFuzzer
 * has an empty function of the same name. */

#include <stdint.h>

#define SIZE 65536

struct place {
    uintptr_t address, flags;
};

void __sanitizer_cov_8bit_counters_init(uint8_t *begin, uint8_t *end);
void __sanitizer_cov_pcs_init(const uintptr_t *begin, const uintptr_t *end);
void __sanitizer_cov_trace_pc(void);

static uint8_t counters[SIZE];
static struct place places[SIZE];

void __sanitizer_cov_trace_pc(void)
{
    uintptr_t here = (uintptr_t)__builtin_return_address(0) - (uintptr_t)&__sanitizer_cov_trace_pc;
    counters[here % SIZE]++;
}

__attribute__((constructor)) static void begin(void)
{
    for (uintptr_t number = 0; number < SIZE; number++)
        places[number].address = (uintptr_t)&places[number];
    __sanitizer_cov_8bit_counters_init(counters, counters + SIZE);
    __sanitizer_cov_pcs_init((const uintptr_t *)places, (const uintptr_t *)(places + SIZE));
}

/* Of numbers with a fraction, which libFuzzer does not compare. */

void __sanitizer_cov_trace_cmpd(double one, double other);
void __sanitizer_cov_trace_cmpd(double one, double other)
{
    (void)one;
    (void)other;
}
