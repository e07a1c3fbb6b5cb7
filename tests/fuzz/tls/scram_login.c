/*
 * Any bytes as the messages of a login by user and password, as its server: the first and, behind a
 * NUL, the final one. A proof that nobody could make is never right, and what is answered is text
 * of a bounded length.
 */
#include <stdlib.h>
#include <string.h>

#include "tls/scram_login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct scram_message *m)
{
	if (m->len > SCRAM_MESSAGE || strlen(m->at) != m->len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct scram_verifier v = {
		.hash = SCRAM_SHA_256, .iterations = 4096, .salt_len = 4};
	static const uint8_t binding[SCRAM_BINDING];
	const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
	struct scram_message first, challenge = {0}, final, last;
	char user[SCRAM_USER];
	size_t n = end ? (size_t)(end - data) : size;
	bool good;

	if (!scram_message_set(&first, data, n))
		return 0;
	good = scram_first_user(&first, user);
	if (good && (!user[0] || strlen(user) >= SCRAM_USER))
		abort();
	if ((scram_challenge(&v, &first, &challenge) == 0) != good && good && first.len < 900)
		abort();
	check(&challenge);
	if (!end || !scram_message_set(&final, end + 1, size - n - 1))
		return 0;
	/* Also behind a challenge that the input can know. */
	if (!good || (data[n - 1] & 1) != 0)
		scram_message_set(&challenge, "r=abcdef,s=AAAA,i=4096", 22);
	if (scram_final_right(&v, &first, &challenge, &final, binding, &last))
		abort();
	check(&last);
	return 0;
}
