/* What a connection speaks, by its first bytes. */
#include "dataplane/framing/framing.h"

#include <string.h>

enum match {
	MATCH_NO,
	MATCH_SO_FAR, /* needs more bytes */
	MATCH_YES,
};

/* A TLS record of a ClientHello, of any version (RFC 8446 sections 5.1 and 4). */
static enum match match_tls(const uint8_t *p, size_t len)
{
	if (p[0] != 0x16 || (len > 1 && p[1] != 0x03) || (len > 2 && (p[2] & 0xf0) != 0))
		return MATCH_NO;
	if (len < 6)
		return MATCH_SO_FAR;
	return p[5] == 0x01 ? MATCH_YES : MATCH_NO;
}

static enum match match_bytes(const uint8_t *p, size_t len, const void *want, size_t n)
{
	if (memcmp(p, want, len < n ? len : n) != 0)
		return MATCH_NO;
	return len < n ? MATCH_SO_FAR : MATCH_YES;
}

/*
 * 1 to 7 digits without a leading zero, a space, and how a log begins: '<' or, from senders of
 * FortiOS's format that give no priority, "date=". Anything else may be a line that begins with a
 * number.
 */
static enum match match_counted(const uint8_t *p, size_t len)
{
	static const char date[] = "date=";
	size_t digits = 0;

	if (p[0] == '0')
		return MATCH_NO;
	while (digits < len && digits <= 7 && p[digits] >= '0' && p[digits] <= '9')
		digits++;
	if (digits == 0 || digits > 7)
		return MATCH_NO;
	if (digits == len)
		return MATCH_SO_FAR;
	if (p[digits] != ' ')
		return MATCH_NO;
	if (digits + 1 == len)
		return MATCH_SO_FAR;
	if (p[digits + 1] == '<')
		return MATCH_YES;
	return match_bytes(p + digits + 1, len - digits - 1, date, sizeof(date) - 1);
}

static enum stream_kind detect(const uint8_t *data, size_t len, bool eof)
{
	static const uint8_t oftp[2] = {OFTP_MAGIC >> 8, OFTP_MAGIC & 0xff};
	static const char relp[] = "1 open ";
	const struct {
		enum stream_kind kind;
		enum match match;
	} kinds[] = {
		{STREAM_TLS, match_tls(data, len)},
		{STREAM_OFTP, match_bytes(data, len, oftp, sizeof(oftp))},
		{STREAM_RELP, match_bytes(data, len, relp, sizeof(relp) - 1)},
		{STREAM_COUNTED, match_counted(data, len)},
	};
	bool open = false;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].match == MATCH_YES)
			return kinds[i].kind;
		open |= kinds[i].match == MATCH_SO_FAR;
	}
	return open && !eof ? STREAM_UNDECIDED : STREAM_LINES;
}

enum stream_kind stream_detect(const uint8_t *data, size_t len, bool eof)
{
	if (len == 0)
		return eof ? STREAM_LINES : STREAM_UNDECIDED;
	return detect(data, len, eof);
}
