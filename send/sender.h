/*
 * sluice-send at work: inputs, queues, spill, the connection to one of two servers, and the socket
 * for questions, in one thread.
 */
#ifndef SLUICE_SEND_SENDER_H
#define SLUICE_SEND_SENDER_H

#include "send/settings.h"

/* Exit statuses; as sluicectl's where it has the same. */
enum send_exit { SEND_DONE = 0, SEND_FAILED = 1, SEND_USAGE = 2, SEND_NOBODY = 3 };

/* Sends the lines of files (and "-"), and of local syslog, until all is confirmed or a signal ends
 * it. Says on stderr what happens. */
enum send_exit send_run(const struct settings *s, char *const *paths, int n);

/* Logs in and says in words what the server says; sends nothing, disturbs no other session. */
enum send_exit send_test(const struct settings *s);

/*
 * First contact: shows who the server is, asks (or `yes`), and adds what is needed to know it again
 * to the configuration at `config` (NULL: prints it).
 */
enum send_exit send_trust(const struct settings *s, const char *config, bool yes);

#endif
