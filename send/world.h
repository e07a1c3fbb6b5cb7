/* What all commands need of the kernel: clocks and chance. */
#ifndef SLUICE_SEND_WORLD_H
#define SLUICE_SEND_WORLD_H

#include "dataplane/client/client.h"
#include "send/settings.h"

uint64_t world_now_us(void); /* monotonic */
uint64_t world_random(void *ctx);
void world_random_bytes(uint8_t *to, size_t n); /* up to 256 */
/* The client as the settings want it; `serial`: of our certificate. Both are to outlive it. */
void world_client_config(const struct settings *s, const char *serial, struct client_config *cfg);
/* Milliseconds from now until then, rounded up; for epoll. */
int world_wait_ms(uint64_t now, uint64_t until);

#endif
