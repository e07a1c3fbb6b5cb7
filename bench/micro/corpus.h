/* Lines as they lie in a stream, for the cases. */
#ifndef SLUICE_MICRO_CORPUS_H
#define SLUICE_MICRO_CORPUS_H

#include <stdint.h>

enum corpus_framing { CORPUS_LINES, CORPUS_COUNTED, CORPUS_RELP, CORPUS_BARE };

struct corpus {
	uint8_t *bytes;
	uint32_t len, logs;
	uint32_t *at, *log_len; /* where each log's text is */
};

/* About `bytes` of them. 0, or -1 when out of memory. */
int corpus_make(struct corpus *c, uint32_t bytes, enum corpus_framing framing);
void corpus_free(struct corpus *c);

#endif
