/*
 * Times as people type them: RFC 3339 (`2025-11-21T22:08:01.5Z`, also with an offset), seconds
 * since 1970 (`1763762881`, `1763762881.25`), or how long ago (`90s`, `15m`, `2h`, `3d`); `now`.
 * Pure.
 */
#ifndef SLUICE_CLI_WHEN_H
#define SLUICE_CLI_WHEN_H

#include <stdint.h>

#define WHEN_FORMS "RFC 3339 (2025-11-21T22:08:01Z), seconds since 1970, or 90s, 15m, 2h, 3d ago"

/* Nanoseconds since 1970. -1: none of these forms, no such date, or outside of 1970 to 2262. */
int when_parse(const char *text, uint64_t now_ns, uint64_t *ns);

/* A span to wait: seconds with an optional fraction, or with one of the units ms, s, m, h, d.
 * Microseconds; -1: no span, or longer than 365 days. */
int when_parse_span(const char *text, uint64_t *us);

#endif
