#include "control/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}

void text_clear(struct text *t)
{
	t->len = 0;
	t->failed = false;
}

static char *text_room(struct text *t, size_t n)
{
	size_t cap = t->cap ? t->cap : 256;
	char *p;

	if (t->failed)
		return NULL;
	if (t->cap - t->len >= n)
		return t->data + t->len;
	while (cap - t->len < n) {
		if (cap > SIZE_MAX / 2) {
			t->failed = true;
			return NULL;
		}
		cap *= 2;
	}
	p = realloc(t->data, cap);
	if (!p) {
		t->failed = true;
		return NULL;
	}
	t->data = p;
	t->cap = cap;
	return t->data + t->len;
}

void text_add(struct text *t, const void *data, size_t len)
{
	char *p = len ? text_room(t, len) : NULL;

	if (!p)
		return;
	memcpy(p, data, len);
	t->len += len;
}

void text_str(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_char(struct text *t, char c)
{
	text_add(t, &c, 1);
}

void text_u64(struct text *t, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	text_add(t, digits + n, sizeof(digits) - n);
}

void text_printf(struct text *t, const char *fmt, ...)
{
	char small[512];
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0) {
		t->failed = true;
		return;
	}
	if ((size_t)n < sizeof(small)) {
		text_add(t, small, (size_t)n);
		return;
	}
	p = text_room(t, (size_t)n + 1);
	if (!p)
		return;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
}

/* Length of the UTF-8 sequence at `p`, 0 where there is none. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool utf8_valid(const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t i = 0;

	while (i < len) {
		size_t n = utf8_sequence(p + i, len - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

static bool plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void add_escaped(struct text *t, uint8_t c)
{
	switch (c) {
	case '"':
		text_str(t, "\\\"");
		break;
	case '\\':
		text_str(t, "\\\\");
		break;
	case '\n':
		text_str(t, "\\n");
		break;
	case '\r':
		text_str(t, "\\r");
		break;
	case '\t':
		text_str(t, "\\t");
		break;
	default:
		text_printf(t, "\\u%04x", c);
	}
}

void text_json_string(struct text *t, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t i = 0;

	text_char(t, '"');
	while (i < len) {
		size_t run = i;
		size_t n;

		while (run < len && plain(p[run]))
			run++;
		text_add(t, p + i, run - i);
		i = run;
		if (i == len)
			break;
		if (p[i] < 0x80) {
			add_escaped(t, p[i]);
			i++;
			continue;
		}
		n = utf8_sequence(p + i, len - i);
		if (n == 0) {
			text_str(t, "\xef\xbf\xbd");
			i++;
			continue;
		}
		text_add(t, p + i, n);
		i += n;
	}
	text_char(t, '"');
}

json_t *text_json_value(const void *data, size_t len)
{
	struct text t = {0};
	json_t *v;

	text_json_string(&t, data, len);
	v = t.failed ? NULL : json_loadb(t.data, t.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	text_free(&t);
	return v;
}

void text_json_key(struct text *t, const char *key)
{
	if (t->len && t->data[t->len - 1] != '{')
		text_char(t, ',');
	text_char(t, '"');
	text_str(t, key);
	text_str(t, "\":");
}

static int text_sink(const char *data, size_t len, void *ctx)
{
	struct text *t = ctx;

	text_add(t, data, len);
	return t->failed ? -1 : 0;
}

void text_json(struct text *t, const json_t *v)
{
	if (json_dump_callback(v, text_sink, t, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		t->failed = true;
}

void text_base64(struct text *t, const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = data;

	text_char(t, '"');
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16;
		char four[4];

		if (n > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (n > 2)
			v |= p[i + 2];
		four[0] = digits[v >> 18];
		four[1] = digits[v >> 12 & 63];
		four[2] = n > 1 ? digits[v >> 6 & 63] : '=';
		four[3] = n > 2 ? digits[v & 63] : '=';
		text_add(t, four, 4);
	}
	text_char(t, '"');
}

void time_format(uint64_t ns, char text[TIME_TEXT])
{
	time_t s = (time_t)(ns / 1000000000u);
	struct tm tm;
	size_t n;

	/* Seconds of 64 bits of nanoseconds end in the year 2554: always four digits. */
	gmtime_r(&s, &tm);
	n = strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, TIME_TEXT - n, ".%09uZ", (unsigned)(ns % 1000000000u));
}

void time_format_s(int64_t s, char text[TIME_TEXT])
{
	time_format(s > 0 ? (uint64_t)s * 1000000000u : 0, text);
	memcpy(text + strlen("2025-11-21T22:08:01"), "Z", 2);
}

void text_json_time(struct text *t, uint64_t ns)
{
	char s[TIME_TEXT];

	if (ns == 0) {
		text_str(t, "null");
		return;
	}
	time_format(ns, s);
	text_char(t, '"');
	text_str(t, s);
	text_char(t, '"');
}

json_t *time_json(uint64_t ns)
{
	char s[TIME_TEXT];

	if (ns == 0)
		return json_null();
	time_format(ns, s);
	return json_string(s);
}
