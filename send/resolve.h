/*
 * A name's addresses, without standing still: getaddrinfo() in a thread of its own, which ends by
 * itself. An eventfd turns readable when it has an answer.
 */
#ifndef SLUICE_SEND_RESOLVE_H
#define SLUICE_SEND_RESOLVE_H

#include <netdb.h>

struct resolver;

/* NULL: no thread or no memory. */
struct resolver *resolver_start(const char *name, const char *port, int family);
int resolver_fd(const struct resolver *r);
/* After it turned readable: getaddrinfo()'s result and answer, which stay the resolver's. */
int resolver_result(const struct resolver *r, const struct addrinfo **list);
/* Also while it still asks. */
void resolver_drop(struct resolver *r);

#endif
