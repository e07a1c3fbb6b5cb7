/*
 * The messages of SCRAM-SHA-256-PLUS as text (RFC 5802 section 7): what both of its sides need.
 * Pure.
 */
#ifndef SLUICE_TLS_SCRAM_MESSAGE_H
#define SLUICE_TLS_SCRAM_MESSAGE_H

#include "tls/scram.h"

#define SCRAM_MESSAGE 1024 /* bytes of a message, without NUL */
#define SCRAM_BINDING 32
#define SCRAM_GS2     "p=tls-exporter,,"
/* c=, without these two characters: base64 of the header and the binding, with NUL. */
#define SCRAM_BINDING_TEXT 68

struct scram_message {
	size_t len;
	char at[SCRAM_MESSAGE + 1]; /* a NUL behind it */
};

/* Copies; false: too long, or with a NUL in it. */
bool scram_message_set(struct scram_message *m, const void *data, size_t len);

/*
 * The attribute `name` that must stand at *at: its value up to a comma or the end, and *at on to
 * the next one. false: another one stands there, or it is empty.
 */
bool scram_attribute(const char **at, char name, const char **value, size_t *len);

void scram_binding_text(const uint8_t binding[SCRAM_BINDING], char text[SCRAM_BINDING_TEXT]);

#endif
