/*
 * The sd_notify protocol (systemd's sd_notify(3)): datagrams to the socket that NOTIFY_SOCKET
 * names; without it nothing is sent. An address that begins with '@' is in the abstract namespace.
 */
#ifndef SLUICE_CONTROL_NOTIFY_H
#define SLUICE_CONTROL_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify {
	int fd;			   /* -1: nobody to notify */
	uint64_t watchdog_us;	   /* period that the service manager asked for; 0: none */
	uint64_t next_watchdog_us; /* monotonic: when the next sign of life is due */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. 0, or -1 with errno where the socket that
 * is named cannot be used; `n` is usable (and silent) then too. */
int notify_open(struct notify *n);
void notify_close(struct notify *n);

/* "READY=1\nSTATUS=...". Never blocks; a full socket loses the message. */
void notify_send(struct notify *n, const char *state);
/* Each with the state that systemd.service(5) asks for. */
void notify_ready(struct notify *n, const char *status);
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);

/* WATCHDOG=1, twice in each period, while `healthy`. Returns when it wants to be called again
 * (monotonic, microseconds; UINT64_MAX: never). */
uint64_t notify_watchdog(struct notify *n, uint64_t now_us, bool healthy);

#endif
