/* Told by a program to the valgrind that runs it: when to begin to count, and where a stretch begins and ends.
 *
 * Each end of a stretch makes a call of the kernel that nobody else makes, so that it can be seen among those traced. */

#include <unistd.h>
#include <valgrind/callgrind.h>

void start(void) { CALLGRIND_START_INSTRUMENTATION; }

void begin(void)
{
    (void)getppid();
    CALLGRIND_ZERO_STATS;
}

void end(const char *name)
{
    CALLGRIND_DUMP_STATS_AT(name);
    (void)getppid();
}
