/*
 * GET /metrics over libmicrohttpd, in the control thread: its epoll descriptor is one of the
 * loop's, so that numbers are read by the one thread that may. Connections are few and short-lived:
 * one that dawdles is closed.
 */
#ifndef SLUICE_CONTROL_METRICS_HTTP_H
#define SLUICE_CONTROL_METRICS_HTTP_H

#include "control/control.h"

#define METRICS_MAX_CONNECTIONS 16
#define METRICS_TIMEOUT_S	5

struct metrics_http;
/* NULL with a line in `err` that names address and problem. */
struct metrics_http *metrics_http_start(
	struct control *c, const struct config_endpoint *listen, char *err, size_t err_size);
void metrics_http_stop(struct metrics_http *m);
/* Each round; returns when it wants to be called again. */
uint64_t metrics_http_round(struct metrics_http *m, uint64_t now_us);
/* The port that it listens on, if 0 was asked for (tests). */
uint16_t metrics_http_port(const struct metrics_http *m);

#endif
