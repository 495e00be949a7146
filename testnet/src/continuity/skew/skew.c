/* Adds TESTNET_SKEW_MS milliseconds to the wall clock of a process. Allocates nothing. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    const char *skew = clock == CLOCK_REALTIME && result == 0 ? getenv("TESTNET_SKEW_MS") : NULL;
    if (skew != NULL) {
        time->tv_nsec += atol(skew) % 1000 * 1000000;
        time->tv_sec += atol(skew) / 1000 + time->tv_nsec / 1000000000;
        time->tv_nsec %= 1000000000;
    }
    return result;
}
