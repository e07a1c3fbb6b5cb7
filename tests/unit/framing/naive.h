/*
 * The framing rules of framing.h once more, the slow and simple way: all of the stream is there,
 * and every byte is looked at as often as is convenient. What the framer is compared with.
 */
#ifndef SLUICE_TEST_NAIVE_H
#define SLUICE_TEST_NAIVE_H

#include "tests/unit/framing/deliver.h"

static inline void naive_add(
	struct tape *t, uint8_t flags, const uint8_t *log, size_t len, uint32_t max_len)
{
	if (len > max_len)
		tape_add(t,
			(uint8_t)((flags & (LOG_FLAG_COUNTED | LOG_FLAG_PARTIAL)) | LOG_FLAG_CUT),
			log, max_len);
	else if (len > 0)
		tape_add(t, flags, log, (uint32_t)len);
}

static inline struct tape naive_lines(uint32_t max_len, const uint8_t *p, size_t len)
{
	struct tape t = {0};
	size_t begin = 0;

	for (size_t i = 0; i < len; i++) {
		if (p[i] != '\n')
			continue;
		if (i > begin && p[i - 1] == '\r')
			naive_add(&t, LOG_FLAG_CRLF, p + begin, i - 1 - begin, max_len);
		else
			naive_add(&t, LOG_FLAG_LF, p + begin, i - begin, max_len);
		begin = i + 1;
	}
	if (begin < len && p[len - 1] == '\0')
		naive_add(&t, LOG_FLAG_NUL, p + begin, len - begin - 1, max_len);
	else
		naive_add(&t, 0, p + begin, len - begin, max_len);
	return t;
}

static inline struct tape naive_counted(uint32_t max_len, const uint8_t *p, size_t len)
{
	struct tape t = {0};
	size_t i = 0;

	while (i < len) {
		size_t count = 0, digits = 0, have;
		const uint8_t *log;

		if (p[i] == '\n' || p[i] == '\0') {
			i++;
			continue;
		}
		if (p[i] == '\r') {
			if (i + 1 == len)
				return t;
			if (p[i + 1] != '\n') {
				t.broken = true;
				return t;
			}
			i += 2;
			continue;
		}
		while (i + digits < len && p[i + digits] >= '0' && p[i + digits] <= '9') {
			count = count * 10 + (size_t)(p[i + digits] - '0');
			digits++;
			if (digits > 7 || count == 0) {
				t.broken = true;
				return t;
			}
		}
		if (digits > 0 && i + digits == len)
			return t; /* the stream ends inside of a count */
		if (digits == 0 || p[i + digits] != ' ') {
			t.broken = true;
			return t;
		}
		log = p + i + digits + 1;
		have = len - (i + digits + 1);
		i += digits + 1 + count;
		if (have < count) {
			bool known_too_long = count > (size_t)max_len + 2 && have >= max_len;
			uint8_t partial = known_too_long ? 0 : LOG_FLAG_PARTIAL;

			naive_add(&t, LOG_FLAG_COUNTED | partial, log,
				known_too_long ? count : have, max_len);
			return t;
		}
		if (count >= 2 && log[count - 2] == '\r' && log[count - 1] == '\n')
			naive_add(&t, LOG_FLAG_COUNTED | LOG_FLAG_CRLF, log, count - 2, max_len);
		else if (log[count - 1] == '\n')
			naive_add(&t, LOG_FLAG_COUNTED | LOG_FLAG_LF, log, count - 1, max_len);
		else if (log[count - 1] == '\0')
			naive_add(&t, LOG_FLAG_COUNTED | LOG_FLAG_NUL, log, count - 1, max_len);
		else
			naive_add(&t, LOG_FLAG_COUNTED, log, count, max_len);
	}
	return t;
}

#endif
