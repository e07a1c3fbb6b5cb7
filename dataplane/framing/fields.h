/*
 * What the data path and the reader need to know of a log's text, tolerant of every quirk of
 * FortiOS key=value (fortinet-formats 5.3), RFC 3164, RFC 5424 and CEF. Pure, in place, never
 * copies. Pointers are into the text.
 */
#ifndef SLUICE_FIELDS_H
#define SLUICE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	const char *at; /* not NUL-terminated; NULL: absent */
	uint32_t len;
};

/*
 * The value of the first field `key` (e.g. "devid"): key at the text's begin or after a space,
 * `=`, then a quoted value (a backslash escapes; an unterminated one ends with the text) or a bare
 * one up to a space. Quotes are not part of the value. The key inside of another field's quoted
 * value does not count. at == NULL when absent.
 */
struct text fields_find(const char *log, size_t len, const char *key);

/* devid, of every vintage: devid, device_id, deviceExternalId (CEF); legal characters only. */
struct text fields_devid(const char *log, size_t len);
/* vd, or `ad.vd`, `FTNTFGTvd`, `cefvd` in CEF. */
struct text fields_vdom(const char *log, size_t len);

/*
 * eventtime in nanoseconds since 1970 (seconds up to FortiOS 6.0, nanoseconds from 6.2; told
 * apart by magnitude; milli- and microseconds too), else date+time with tz where present, else the
 * header's time of RFC 5424. false when there is none. `tz` like "+0200", "-0700", "UTC+2:00".
 */
bool fields_event_time(const char *log, size_t len, int64_t *ns);

/* PRI of "<189>...": 0..191, or -1. *header_len: bytes up to and with '>'. */
int fields_pri(const char *log, size_t len, uint32_t *header_len);

#endif
