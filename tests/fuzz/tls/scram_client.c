/*
 * Any bytes as the challenge of a server and, behind a NUL, its last message. `r=@` stands for our
 * own nonce, which nobody else could know. What is answered is text of a bounded length, and a
 * signature that nobody could make is never right.
 */
#include <stdlib.h>
#include <string.h>

#include "tls/scram_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t chance[SCRAM_NONCE], binding[SCRAM_BINDING];
	const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
	size_t n = end ? (size_t)(end - data) : size, ours;
	struct scram_message final;
	struct scram_client c;
	char challenge[2 * SCRAM_MESSAGE];

	if (!scram_client_first(&c, "fgt", chance))
		abort();
	ours = strlen(c.nonce);
	if (n + ours > sizeof(challenge))
		return 0;
	if (n >= 3 && memcmp(data, "r=@", 3) == 0) {
		challenge[0] = 'r';
		challenge[1] = '=';
		memcpy(challenge + 2, c.nonce, ours);
		memcpy(challenge + 2 + ours, data + 3, n - 3);
		n += ours - 1;
	} else {
		memcpy(challenge, data, n);
	}
	if (!scram_client_final(&c, challenge, n, "correct horse", binding, &final))
		return 0;
	if (final.len > SCRAM_MESSAGE || strlen(final.at) != final.len || !strstr(final.at, ",p="))
		abort();
	if (end && scram_client_proven(&c, end + 1, size - (size_t)(end - data) - 1))
		abort();
	return 0;
}
