#include "bench/load/relp_answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Up to 9 digits and the character behind them; NULL: more is needed (*bad false) or it is none. */
static const uint8_t *read_number(const uint8_t *p, const uint8_t *end, uint32_t *v, bool *bad)
{
	unsigned n = 0;

	for (*v = 0; p + n < end && p[n] >= '0' && p[n] <= '9' && n < 9; n++)
		*v = *v * 10 + (uint32_t)(p[n] - '0');
	*bad = p + n < end && (n == 0 || (p[n] != ' ' && p[n] != '\n'));
	return p + n < end && !*bad ? p + n : NULL;
}

enum relp_answer relp_answer_read(const uint8_t *in, uint32_t len, uint32_t *txnr, uint32_t *total)
{
	static const char command[] = " rsp ";
	const uint8_t *end = in + len, *p;
	uint32_t n;
	bool bad;

	p = read_number(in, end, txnr, &bad);
	if (!p)
		return bad ? RELP_ANSWER_BAD : RELP_ANSWER_NONE;
	n = (uint32_t)(end - p) < 5 ? (uint32_t)(end - p) : 5;
	if (memcmp(p, command, n) != 0)
		return RELP_ANSWER_BAD; /* `0 serverclose 0`, too: it takes no more */
	if (n < 5)
		return RELP_ANSWER_NONE;
	p = read_number(p + 5, end, &n, &bad);
	if (!p)
		return bad ? RELP_ANSWER_BAD : RELP_ANSWER_NONE;
	p += *p == ' ';
	if ((size_t)(end - p) < (size_t)n + 1)
		return RELP_ANSWER_NONE;
	*total = (uint32_t)(p - in) + n + 1;
	if (p[n] != '\n' || (n > 0 && (n < 3 || memcmp(p, "200", 3) != 0)))
		return RELP_ANSWER_BAD;
	return n > 0 ? RELP_ANSWER_OK : RELP_ANSWER_EMPTY;
}
