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
 * All fields, one after the other. A field is a key at the text's begin (behind PRI and byte order
 * mark) or after a space, `=`, then a quoted value (a backslash escapes; an unterminated one ends
 * with the text) or a bare one up to a space; an empty one has length 0. `\"value\"`, as relays
 * write it, is quoted too. What is no field (header, free text, `|` and line ends behind the last
 * value) is passed over. Behind "CEF:0|" and its seven fields a value goes on to the space before
 * the next key, quotes mean nothing unless they enclose all of it, and `\=` is no separator.
 * Values are as they are in the text, with their backslashes. Costs O(len) in total.
 */
struct fields_iter {
	const char *at, *end;
	bool begun; /* a field or the header was passed */
	bool glued; /* a closing quote has no space behind it: what follows is no key */
	bool cef;   /* in the extension of a CEF message */
};
void fields_begin(struct fields_iter *it, const char *log, size_t len);
bool fields_next(struct fields_iter *it, struct text *key, struct text *value);

/*
 * The value of the first field `key` (e.g. "devid"); see above. The key inside of another field's
 * quoted value does not count. at == NULL when absent.
 */
struct text fields_find(const char *log, size_t len, const char *key);

#define FIELDS_DEVID_MAX 64
/* Is it a device id: 1 to FIELDS_DEVID_MAX letters, digits, '-', '_' and '.'? */
bool fields_devid_legal(const char *id, size_t len);

/*
 * devid, of every vintage: devid, device_id, deviceExternalId (CEF); the first that is legal. It
 * may be cut from a longer line, but never out of a value.
 */
struct text fields_devid(const char *log, size_t len);
/* vd, or in CEF `ad.vd`, `FTNTFGTvd`, `FortinetFortiGatevd`, `cefvd` too. */
struct text fields_vdom(const char *log, size_t len);
/* Both in one pass, which ends where both are known. */
void fields_identity(const char *log, size_t len, struct text *devid, struct text *vdom);

/*
 * A time zone as devices write it: "+0200", "-07:00", "UTC+2:00", "GMT+8", "(GMT+8:00)Somewhere".
 * Seconds to the east; false: it names none ("GMTa-1").
 */
bool fields_zone(struct text t, int64_t *east_s);

/*
 * When it happened, in nanoseconds since 1970; the first of these that is there and legal:
 * 1. eventtime (seconds up to FortiOS 6.0, nanoseconds from 6.2; told apart by magnitude; milli-
 *    and microseconds too), in CEF with a prefix as of vd;
 * 2. date and time with tz ("+0200", "-0700", "UTC+2:00") or timezone ("(GMT+8:00)Somewhere");
 * 3. timestamp (seconds, of a relaying FortiAnalyzer);
 * 4. date and time alone, as if in UTC;
 * 5. CEF: rt, else start: a number as of eventtime, or "Dec 08 2022 17:00:55" with tz as above;
 * 6. the time of an RFC 5424 header, or of the same form behind PRI or at the begin.
 * false when there is none (RFC 3164's has no year and would need a clock).
 */
bool fields_event_time(const char *log, size_t len, int64_t *ns);

/* PRI of "<189>...": 0..191, or -1. *header_len: bytes up to and with '>'. */
int fields_pri(const char *log, size_t len, uint32_t *header_len);

#endif
