#include "send/world.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define WINDOW	   65536u /* items sent and not confirmed */
#define SECOND	   1000000ull
#define LONGEST_MS 60000

uint64_t world_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec / 1000;
}

void world_random_bytes(uint8_t *to, size_t n)
{
	if (getrandom(to, n, 0) != (ssize_t)n)
		abort(); /* of so few bytes it always gives all */
}

uint64_t world_random(void *ctx)
{
	uint64_t v;

	(void)ctx;
	world_random_bytes((uint8_t *)&v, sizeof(v));
	return v;
}

void world_client_config(const struct settings *s, const char *serial, struct client_config *cfg)
{
	static const uint64_t uploads[] = {
		[UPLOAD_REALTIME] = 0, [UPLOAD_1_MINUTE] = 60, [UPLOAD_5_MINUTE] = 300};

	*cfg = (struct client_config){
		.serial = s->device_serial[0] ? s->device_serial : serial,
		.hostname = s->hostname,
		.firmware = "sluice-send " SLUICE_VERSION,
		.timezone = s->timezone,
		.preshared_key = s->preshared_key,
		.conn_id = s->conn_id,
		.bound = s->queue_size,
		.window = WINDOW,
		.conn_timeout_us = s->conn_timeout * SECOND,
		.keepalive_us = s->monitor_keepalive_period * SECOND,
		.retry_us = s->monitor_failure_retry_period * SECOND,
		.rate = s->max_log_rate * 1000000ull,
		.upload_us = uploads[s->upload_option] * SECOND,
		.unreliable = !s->reliable,
		.lz4 = s->compress,
		.random = world_random,
	};
}

int world_wait_ms(uint64_t now, uint64_t until)
{
	uint64_t ms = until > now ? (until - now + 999) / 1000 : 0;

	return ms < LONGEST_MS ? (int)ms : LONGEST_MS;
}
