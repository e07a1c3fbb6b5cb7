/* The answers of a RELP server, for clients of ours: `TXNR rsp LEN [200 ...] LF`. Pure. */
#ifndef SLUICE_LOAD_RELP_ANSWER_H
#define SLUICE_LOAD_RELP_ANSWER_H

#include <stdint.h>

enum relp_answer {
	RELP_ANSWER_NONE,  /* not all of it is there */
	RELP_ANSWER_OK,	   /* 200 */
	RELP_ANSWER_EMPTY, /* no data: librelp answers `close` without a word */
	RELP_ANSWER_BAD,   /* another code, or no answer: `0 serverclose 0`, too */
};

/* The first answer of `in`; *total bytes of it. */
enum relp_answer relp_answer_read(const uint8_t *in, uint32_t len, uint32_t *txnr, uint32_t *total);

#endif
