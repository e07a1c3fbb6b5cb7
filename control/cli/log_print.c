#include "control/cli/log_print.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/table.h"
#include "control/log_json.h"

#define MICROSECONDS 26 /* bytes of "2025-11-21T22:08:01.123456" */

/* "2025-11-21T22:08:01.123456Z fw-01 text": the order of syslog files, in UTC and microseconds. */
static void print_text(const char *time, const void *device, size_t device_len, const void *log,
	size_t len, FILE *out)
{
	fprintf(out, "%.*sZ ", MICROSECONDS, time);
	print_safe(device, device_len, out);
	fputc(' ', out);
	print_safe(log, len, out);
	fputc('\n', out);
}

static int digit64(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* RFC 4648, with its padding. The bytes, from malloc; NULL: it is none. */
static uint8_t *from_base64(const char *text, size_t len, size_t *out_len)
{
	uint8_t *out = malloc(len / 4 * 3 + 1);
	size_t pad = len && text[len - 1] == '=' ? 1 + (len > 1 && text[len - 2] == '=') : 0;
	uint32_t bits = 0;

	*out_len = 0;
	if (!out || len % 4 != 0)
		goto bad;
	for (size_t i = 0; i < len; i++) {
		int d = i >= len - pad ? 0 : digit64(text[i]);

		if (d < 0)
			goto bad;
		bits = bits << 6 | (uint32_t)d;
		if (i % 4 == 3) {
			out[(*out_len)++] = (uint8_t)(bits >> 16);
			out[(*out_len)++] = (uint8_t)(bits >> 8);
			out[(*out_len)++] = (uint8_t)bits;
		}
	}
	*out_len -= pad;
	return out;
bad:
	free(out);
	return NULL;
}

int log_print_json(const json_t *log, enum log_form form, FILE *out)
{
	const json_t *text = json_object_get(log, "log"),
		     *base64 = json_object_get(log, "log_base64");
	const json_t *time = json_object_get(log, "time"), *device = json_object_get(log, "device");
	const char *bytes = json_string_value(text);
	size_t len = json_string_length(text);
	uint8_t *decoded = NULL;

	if (form == LOG_JSON) {
		json_dumpf(log, out, JSON_COMPACT);
		fputc('\n', out);
		return 0;
	}
	if (!bytes && json_is_string(base64)) {
		decoded = from_base64(json_string_value(base64), json_string_length(base64), &len);
		bytes = (const char *)decoded;
	}
	if (!bytes || !json_is_string(time) || !json_is_string(device)) {
		free(decoded);
		return -1;
	}
	if (form == LOG_RAW) {
		fwrite(bytes, 1, len, out);
		fputc('\n', out);
	} else {
		print_text(json_string_value(time), json_string_value(device),
			json_string_length(device), bytes, len, out);
	}
	free(decoded);
	return 0;
}

void log_print_record(const struct journal_log *log, enum log_form form, FILE *out)
{
	char time[TIME_TEXT];
	struct text json = {0};

	switch (form) {
	case LOG_RAW:
		fwrite(log->log, 1, log->len, out);
		fputc('\n', out);
		break;
	case LOG_JSON:
		log_json(&json, log);
		fwrite(json.data, 1, json.len, out);
		fputc('\n', out);
		text_free(&json);
		break;
	case LOG_TEXT:
	default:
		time_format(log->time_ns, time);
		print_text(time, log->device, log->device_len, log->log, log->len, out);
	}
}
