/*
 * Any bytes from a RELP server, to a client of ours: answers one after the other. Of each answer,
 * a part of it is no answer yet, or is what all of it is: a client may be told in pieces.
 */
#include <stdint.h>
#include <stdlib.h>

#include "bench/load/relp_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum relp_answer part(const uint8_t *data, uint32_t len, uint32_t *txnr, uint32_t *total)
{
	uint8_t *copy = malloc(len ? len : 1); /* of its length, so that reading on is seen */
	enum relp_answer a;

	if (!copy)
		abort();
	for (uint32_t i = 0; i < len; i++)
		copy[i] = data[i];
	a = relp_answer_read(copy, len, txnr, total);
	free(copy);
	return a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len = (uint32_t)size, at = 0, txnr, total;

	if (size > 1024)
		return 0;
	while (at < len) {
		enum relp_answer all = part(data + at, len - at, &txnr, &total);

		for (uint32_t n = 0; n < len - at; n++) {
			uint32_t txnr_n, total_n;
			enum relp_answer a = part(data + at, n, &txnr_n, &total_n);

			if (a == RELP_ANSWER_NONE)
				continue;
			if (a != all)
				abort();
			if (a != RELP_ANSWER_BAD && (txnr_n != txnr || total_n != total))
				abort();
		}
		if (all == RELP_ANSWER_NONE || all == RELP_ANSWER_BAD)
			return 0;
		if (total == 0 || total > len - at || txnr > 999999999u)
			abort();
		at += total;
	}
	return 0;
}
